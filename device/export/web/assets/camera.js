// The cameras of this device.

const REMEMBERED = "edgevision-camera";
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 } };

/** Return why the browser gives no camera, "" if it may. */
export function unavailable() {
  if (navigator.mediaDevices?.getUserMedia) return "";
  return "browsers give a camera only to pages on https or localhost; open this page over https, or choose photos";
}

/** Show a camera in a video element; `id`: null for the one used last, else the one that faces away. */
export async function start(video, id) {
  stop(video);
  const wanted = id ?? localStorage.getItem(REMEMBERED);
  video.srcObject = await open(wanted);
  await video.play();
  const used = video.srcObject.getVideoTracks()[0].getSettings().deviceId ?? "";
  localStorage.setItem(REMEMBERED, used);
  return used;
}

/** End the camera of a video element. */
export function stop(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

/** Return the cameras as {id, name}; names are known once a camera was allowed. */
export async function list() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  return cameras.map(({ deviceId, label }, n) => ({ id: deviceId, name: label || `camera ${n + 1}` }));
}

/** Return what to do about an error of `start`. */
export function explain(error) {
  if (error.name === "NotAllowedError") return "the camera was not allowed; allow it in the browser's settings of this page, and reload";
  if (error.name === "NotFoundError") return "this device has no camera; choose photos instead";
  if (error.name === "NotReadableError") return "the camera is in use by another program; close that, and reload";
  return `the camera could not be opened: ${error.message}`;
}

async function open(id) {
  if (id) {
    try {
      return await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, deviceId: { exact: id } } });
    } catch (error) {
      if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error; // it is no longer there
    }
  }
  return navigator.mediaDevices.getUserMedia({ video: { ...SIZE, facingMode: "environment" } });
}
