"""Every limit on what comes from outside, in one table.

Over a limit: dropped and counted; a peer that goes on is closed with a reason.
"""

# The parameters channel.
PARAMETER_MESSAGE_MAX_BYTES = 256
PARAMETER_MESSAGES_PER_SECOND = 60
"""One per frame at 50 fps and some keep-alives; more are dropped."""

IN_BAND_MAX_BYTES = 64
"""Of padding in an Opus packet that is read as parameter messages."""

FRAMES_PER_MESSAGE_MAX = 3
FRAME_INTERVAL_MAX_MS = 60_000
"""Longest time from the base of a prediction to its frame."""

# Ranges of face parameters; every number from outside must be finite too.
EXPRESSION_MAX = 8.0
"""Standard deviations, either way; the fit keeps to 4."""

LOG_SCALE_MAX = 4.0
"""Either way: a face from a fiftieth of the crop to fifty times its size."""

ROTATION_MAX_RAD = 3.125
"""A component of the rotation vector, either way; the whole steps below pi."""

TRANSLATION_MAX = 4.0
"""Image units, either way; the crop reaches from -1 to 1."""

IDENTITY_COEFFICIENT_MAX = 16.0
"""Standard deviations, either way."""

IDENTITY_RESIDUAL_STEP_MAX = 0.1
"""Model units; the mean face has an RMS radius of 1."""

# The control channel.
CONTROL_MESSAGE_MAX_BYTES = 64 * 1024
CONTROL_MESSAGES_PER_SECOND = 100
CONTROL_KEY_COUNT_MAX = 64
CONTROL_TEXT_MAX_CHARACTERS = 256
NAME_MAX_CHARACTERS = 40

# References.
REFERENCE_MAX_BYTES = 64 * 1024
"""Of one compressed picture."""

REFERENCE_CHUNK_MAX_BYTES = 16 * 1024
REFERENCE_SIDE_MIN_PIXELS = 16
REFERENCE_SIDE_MAX_PIXELS = 1024
REFERENCES_PER_SET_MAX = 4
SET_ID_MAX = 255
REFERENCE_ID_MAX = 255
REFERENCES_PER_MINUTE = 120
REFERENCE_TRANSFER_TIMEOUT_NS = 20_000_000_000
"""From one part of it to the next; on a thin link references wait for everything else."""

IDENTITY_MAX_BYTES = 2048
"""Coefficients and residual, compressed."""

CROP_COORDINATE_MAX_PIXELS = 65_536.0
FRAME_SIDE_MAX_PIXELS = 16_384
FRAME_RATE_MAX_HZ = 120.0

# A party's ordinary video, in place of the rebuilt picture.
CAMERA_SIDE_MAX_PIXELS = 1280
"""Larger frames are scaled down."""

CAMERA_DECODED_SIDE_MAX_PIXELS = 2048
"""Frames that say that they are larger are not decoded."""

CAMERA_FRAMES_PER_SECOND = 30
MODE_CHANGE_MIN_NS = 500_000_000
"""From one change of the mode that is followed to the next."""

# Signalling.
SIGNALING_BODY_MAX_BYTES = 64 * 1024
"""An SDP or a token; a browser's offer of four streams is about 8 KB."""

# Liveness of a connection.
INTERRUPTED_AFTER_NS = 3_000_000_000
SESSION_ENDS_AFTER_NS = 30_000_000_000
