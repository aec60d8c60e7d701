// Draws boxes and masks over the image, in the colors of edgevision/postprocessing/annotate.py.

const GOLDEN = 0.618034; // hue difference between consecutive classes, so that neighbors look different
const MASK_OPACITY = 0.45;
const BACKGROUND = "background"; // the class that is not colored

/** Return the color of a class as [red, green, blue], 0..255. */
export function color(index) {
  const hue = (0.58 + index * GOLDEN) % 1;
  const channel = (n) => {
    const k = (n + hue * 6) % 6;
    return Math.round((0.95 - 0.95 * 0.75 * Math.max(0, Math.min(k, 4 - k, 1))) * 255);
  };
  return [channel(5), channel(3), channel(1)];
}

/** Return the color of a class for CSS. */
export function cssColor(index) {
  return `rgb(${color(index).join(" ")})`;
}

/** Draw an answer over an image of this size on a canvas, which gets the same size. */
export function draw(canvas, answer, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (answer?.mask) drawMask(context, answer, width, height);
  for (const found of [...(answer?.objects ?? [])].reverse()) drawBox(context, found, width, height);
}

function drawMask(context, { mask, maskWidth, maskHeight, regions }, width, height) {
  const plain = new Set(regions.filter(({ name }) => name === BACKGROUND).map(({ index }) => index));
  const colors = new Uint32Array(256); // as ImageData stores them: alpha, blue, green, red
  for (const { index } of regions) {
    const [red, green, blue] = color(index);
    const opacity = plain.has(index) ? 0 : Math.round(255 * MASK_OPACITY);
    colors[index] = ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  const pixels = new ImageData(maskWidth, maskHeight);
  const words = new Uint32Array(pixels.data.buffer);
  for (let n = 0; n < words.length; n++) words[n] = colors[mask[n]];
  const small = new OffscreenCanvas(maskWidth, maskHeight);
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
}

function drawBox(context, { index, name, score, box: [x0, y0, x1, y1] }, width, height) {
  const extent = Math.min(Math.sqrt(width * height), 1.5 * Math.min(width, height));
  const stroke = Math.max(2, extent / 200);
  for (const [ink, line] of [["#000", stroke + 2], [cssColor(index), stroke]]) {
    context.strokeStyle = ink;
    context.lineWidth = line;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  const letters = Math.max(12, extent / 26);
  const text = `${name} ${score.toFixed(2)}`;
  context.font = `600 ${letters}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + letters / 2;
  const left = Math.max(0, Math.min(x0, width - wide));
  const top = y0 >= 1.4 * letters ? y0 - 1.4 * letters : y0;
  context.fillStyle = cssColor(index);
  context.fillRect(left, top, wide, 1.4 * letters);
  const [red, green, blue] = color(index);
  context.fillStyle = 299 * red + 587 * green + 114 * blue > 127500 ? "#000" : "#fff";
  context.fillText(text, left + letters / 4, top + letters);
}
