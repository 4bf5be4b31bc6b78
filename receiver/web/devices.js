// @ts-check
/**
 * Why there is no picture or no sound of this side.
 *
 * @typedef {"insecure" | "unsupported" | "denied" | "none" | "busy" | "failed"} DeviceTrouble
 */

/** A camera or a microphone that cannot be used. */
export class DeviceError extends Error {
  /**
   * @param {"camera" | "microphone"} device
   * @param {DeviceTrouble} trouble
   */
  constructor(device, trouble) {
    super(`${device}: ${trouble}`);
    this.device = device;
    this.trouble = trouble;
  }
}

/** @type {{ [name: string]: DeviceTrouble }} */
const TROUBLES = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * @param {string} deviceId "" for the browser's choice
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export function openCamera(deviceId) {
  return open("camera", {
    video: {
      ...chosen(deviceId),
      width: { ideal: 640 },
      height: { ideal: 480 },
      frameRate: { ideal: 30, max: 30 },
    },
  });
}

/**
 * @param {string} deviceId "" for the browser's choice
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export function openMicrophone(deviceId) {
  return open("microphone", {
    audio: {
      ...chosen(deviceId),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
    },
  });
}

/**
 * @typedef {object} Devices
 * @property {MediaDeviceInfo[]} cameras
 * @property {MediaDeviceInfo[]} microphones
 * @property {MediaDeviceInfo[]} speakers empty where the browser does not let a page choose
 *
 * @returns {Promise<Devices>} with names once one of them was allowed
 */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const canChoose = "setSinkId" in HTMLMediaElement.prototype;
  return {
    cameras: all.filter((device) => device.kind === "videoinput"),
    microphones: all.filter((device) => device.kind === "audioinput"),
    speakers: canChoose ? all.filter((device) => device.kind === "audiooutput") : [],
  };
}

/** @param {string} deviceId */
function chosen(deviceId) {
  return deviceId === "" ? {} : { deviceId: { exact: deviceId } };
}

/**
 * @param {"camera" | "microphone"} device
 * @param {MediaStreamConstraints} constraints
 */
async function open(device, constraints) {
  if (!isSecureContext) throw new DeviceError(device, "insecure");
  if (navigator.mediaDevices?.getUserMedia === undefined) throw new DeviceError(device, "unsupported");
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    return stream.getTracks()[0];
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new DeviceError(device, TROUBLES[name] ?? "failed");
  }
}
