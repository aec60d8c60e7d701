// Mapping between a frame and the model's input, as edgevision/preprocessing/geometry.py computes it.

/** Return {source, halvings, target}: the part of the frame that is used, and where it goes; [x, y, width, height]. */
export function plan(width, height, preprocessing) {
  const { width: toWidth, height: toHeight, resize } = preprocessing;
  let source = [0, 0, width, height];
  let target = [0, 0, toWidth, toHeight];
  if (resize === "letterbox") target = letterbox(width, height, preprocessing);
  if (resize === "crop") source = crop(width, height, preprocessing);
  const ratio = Math.min(Math.floor(source[2] / target[2]), Math.floor(source[3] / target[3]));
  const halvings = ratio < 1 ? 0 : 31 - Math.clz32(ratio);
  return { source: trim(source, 2 ** halvings), halvings, target };
}

/** Convert a point of the model's input to a point of the frame, both in pixels. */
export function toFrame({ source, target }, x, y) {
  const [sx, sy, sw, sh] = source;
  const [tx, ty, tw, th] = target;
  return [sx + ((x - tx) * sw) / tw, sy + ((y - ty) * sh) / th];
}

/** Round like Python: halves go to the even neighbor. */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

function crop(width, height, { width: toWidth, height: toHeight, crop_fraction: fraction }) {
  const scale = Math.min(width / toWidth, height / toHeight) * fraction;
  const w = Math.min(width, Math.max(1, Math.floor(toWidth * scale + 0.5)));
  const h = Math.min(height, Math.max(1, Math.floor(toHeight * scale + 0.5)));
  return [Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h];
}

function letterbox(width, height, { width: toWidth, height: toHeight, align }) {
  const scale = Math.min(toWidth / width, toHeight / height);
  const w = Math.min(toWidth, Math.max(1, Math.floor(width * scale + 0.5)));
  const h = Math.min(toHeight, Math.max(1, Math.floor(height * scale + 0.5)));
  if (align === "top_left") return [0, 0, w, h];
  return [Math.floor((toWidth - w) / 2), Math.floor((toHeight - h) / 2), w, h];
}

function trim([x, y, w, h], factor) {
  const restWidth = w % factor;
  const restHeight = h % factor;
  return [x + Math.floor(restWidth / 2), y + Math.floor(restHeight / 2), w - restWidth, h - restHeight];
}
