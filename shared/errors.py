"""Every error that Kilocall raises on purpose, and who catches it.

    KilocallError     the base, never raised itself
    +- ConfigError    (ValueError) a setting or argument; start-up prints it and exits 2
    +- ArtifactError  a file we load (model, bundle, video); start-up prints it and exits 2
    +- CaptureError   a source of frames stopped; the other side is told, capture tries again
    +- BitstreamError (ValueError) bytes from a peer; dropped and counted, the call goes on
    |  +- MissingBaseError  predicted from a message not held; the receiver asks for a refresh
    |  +- VersionError      a peer of another protocol version; the session ends with a `bye`
    +- InferenceError (RuntimeError) a network failed; the frame is concealed, many end the session
    |  +- DeviceMemoryError  the device's memory is full; no further call is taken, others go on
    +- SignalingError a WHIP or WHEP request; answered with `status` and its text

Messages say what was found, then what is allowed, without a final full stop.
"""


class KilocallError(Exception):
    """Base of all our errors; catch it at the top of a process, never raise it."""


class ConfigError(KilocallError, ValueError):
    """A setting or a command-line argument cannot be used."""


class ArtifactError(KilocallError):
    """A model, bundle, video or other file cannot be loaded."""


class CaptureError(KilocallError):
    """A source of frames ended or failed while running."""


class BitstreamError(KilocallError, ValueError):
    """Bytes from a peer that are no valid message."""


class MissingBaseError(BitstreamError):
    """A message of face parameters predicted from one that is not held."""


class VersionError(BitstreamError):
    """A peer that speaks another version of the protocol."""


class InferenceError(KilocallError, RuntimeError):
    """A network failed to run or returned numbers that are not finite."""


class DeviceMemoryError(InferenceError):
    """The memory of the device that runs the networks is full."""


class SignalingError(KilocallError):
    """A signalling request that is refused, with its HTTP status."""

    def __init__(
        self, status: int, message: str, *, retry_after_seconds: int | None = None
    ) -> None:
        """`retry_after_seconds`: when the same request may be granted; None: not told."""
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
