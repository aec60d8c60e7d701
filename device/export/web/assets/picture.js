// Images to predict on, and images to keep.

/** Copy what a video or an image shows to a canvas, and return its pixels. */
export function grab(canvas, source) {
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = contextOf(canvas);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** Return the pixels of a canvas. */
export function pixelsOf(canvas) {
  return contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
}

/** Decode an image file, upright. */
export async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`${file.name} is not an image that this browser can read; choose a JPEG, PNG or WebP file`);
  }
}

/** Return why pixels cannot be read exactly, "" if they can: some browsers change them against fingerprinting. */
export function disturbed() {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 16, height: 16 });
  const given = new ImageData(16, 16);
  given.data.forEach((_, n) => (given.data[n] = n % 4 === 3 ? 255 : (n * 37) % 256));
  contextOf(canvas).putImageData(given, 0, 0);
  const same = pixelsOf(canvas).data.every((value, n) => value === given.data[n]);
  return same ? "" : "this browser changes the pixels that a page reads (protection against fingerprinting); allow them for this page";
}

/** Return a canvas as a PNG file, which keeps every pixel, named after a label and the time. */
export async function pictureFile(canvas, label, now = new Date()) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const name = label.normalize("NFC").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "") || "image";
  const time = now.toISOString().replace(/[-:]/g, "").replace(/\..*/, "");
  return new File([blob], `${name.slice(0, 60)}-${time}.png`, { type: "image/png" });
}

/** Let the browser save a file. */
export function download(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Return whether this browser can share images with other apps. */
export function canShare() {
  const probe = new File([new Uint8Array(8)], "image.png", { type: "image/png" });
  return Boolean(navigator.canShare?.({ files: [probe] }));
}

function contextOf(canvas) {
  return canvas.getContext("2d", { alpha: false, willReadFrequently: true });
}
