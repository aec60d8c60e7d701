// From an RGBA frame to the model's input tensor, byte for byte what edgevision/preprocessing/transform.py makes.
//
// Integers only: halving is the rounded mean of 2x2 pixels; the bilinear resize is that of OpenCV's INTER_LINEAR_EXACT,
// with weights of 8 bits behind the point (modules/imgproc/src/resize.cpp).

import { plan } from "./geometry.js";

const ONE = 256; // a weight of 1
const EVEN = 0x00ff00ff; // every other byte of a pixel
const HALF = 0x00020002; // rounds their means
const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

/** Return the input tensor, a typed array, of a frame {width, height, data}, whose data are RGBA bytes. */
export function prepare(frame, facts) {
  const { preprocessing } = facts;
  const geometry = plan(frame.width, frame.height, preprocessing);
  let picture = { ...frame, words: new Uint32Array(frame.data.buffer, frame.data.byteOffset, frame.width * frame.height) };
  if (geometry.halvings === 0) picture = cut(picture, geometry.source);
  for (let n = 0; n < geometry.halvings; n++) {
    picture = halved(picture, n === 0 ? geometry.source : [0, 0, picture.width, picture.height]);
  }
  const [x, y, width, height] = geometry.target;
  return stored(resized(picture, width, height), x, y, facts);
}

/** Return a part of a picture, whose words are pixels. */
function cut(picture, [x, y, width, height]) {
  if (picture.width === width && picture.height === height) return picture;
  const words = new Uint32Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * picture.width + x;
    words.set(picture.words.subarray(from, from + width), row * width);
  }
  return { words, width, height };
}

/** Return a part of a picture in half the size. Two of a pixel's four bytes are added at once. */
function halved({ words, width: stride }, [x, y, w, h]) {
  const [width, height] = [w >> 1, h >> 1];
  const made = new Uint32Array(width * height);
  let to = 0;
  for (let row = 0; row < height; row++) {
    let at = (y + 2 * row) * stride + x;
    for (let column = 0; column < width; column++, at += 2) {
      const a = words[at];
      const b = words[at + 1];
      const c = words[at + stride];
      const d = words[at + stride + 1];
      const even = (a & EVEN) + (b & EVEN) + (c & EVEN) + (d & EVEN) + HALF;
      const odd = ((a >>> 8) & EVEN) + ((b >>> 8) & EVEN) + ((c >>> 8) & EVEN) + ((d >>> 8) & EVEN) + HALF;
      made[to++] = ((even >>> 2) & EVEN) | (((odd >>> 2) & EVEN) << 8);
    }
  }
  return { words: made, width, height };
}

/** Resize a picture to RGB by bilinear interpolation in integers. */
function resized(picture, width, height) {
  const across = weights(picture.width, width);
  const down = weights(picture.height, height);
  const data = new Uint8Array(picture.words.buffer, picture.words.byteOffset, picture.words.byteLength);
  const made = new Uint8Array(width * height * 3);
  const rows = [new Int32Array(width * 3), new Int32Array(width * 3)];
  const held = [-1, -1]; // which row of the source each of them was made from
  const row = (number) => {
    const slot = number & 1;
    if (held[slot] !== number) {
      interpolate(data, number * picture.width * 4, across, rows[slot]);
      held[slot] = number;
    }
    return rows[slot];
  };
  let to = 0;
  for (let y = 0; y < height; y++) {
    const upper = row(down.first[y]);
    const share = down.second[y];
    const lower = share ? row(down.first[y] + 1) : upper;
    for (let n = 0; n < upper.length; n++) {
      made[to++] = (upper[n] * (ONE - share) + lower[n] * share + 32768) >>> 16;
    }
  }
  return { data: made, width, height };
}

/** Interpolate one row of the source; the result has 8 bits behind the point. */
function interpolate(data, start, { first, second }, made) {
  let to = 0;
  for (let x = 0; x < first.length; x++) {
    const share = second[x];
    const left = start + first[x] * 4;
    const right = share ? left + 4 : left;
    for (let c = 0; c < 3; c++) made[to++] = data[left + c] * (ONE - share) + data[right + c] * share;
  }
}

/** Return, for each of `to` pixels, the first of the two source pixels and the weight of the second, 0..256. */
function weights(from, to) {
  const scale = 1 / (to / from); // in this order, as OpenCV computes it
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  for (let n = 0; n < to; n++) {
    const at = scale * (n + 0.5) - 0.5;
    const whole = Math.floor(at);
    if (whole < 0 || from < 2) continue;
    first[n] = Math.min(whole, from - 1);
    if (whole < from - 1) second[n] = nearest((at - whole) * ONE);
  }
  return { first, second };
}

/** Round like cvRound: halves go to the even neighbor. */
function nearest(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

/** Return the tensor: channels reordered, on the border, each byte replaced by what the model stores for it. */
function stored({ data, width, height }, x, y, { preprocessing, input }) {
  const { width: toWidth, height: toHeight, channels, order, fill } = preprocessing;
  const pixels = toWidth * toHeight;
  const made = new TYPES[input.dtype](pixels * channels);
  const [between, apart] = input.channels_first ? [1, pixels] : [channels, 1];
  const bordered = width !== toWidth || height !== toHeight;
  for (let c = 0; c < channels; c++) {
    const table = input.tables[c];
    if (bordered) for (let n = 0; n < pixels; n++) made[n * between + c * apart] = table[fill];
    const from = order === "BGR" ? 2 - c : c;
    for (let row = 0; row < height; row++) {
      let at = ((y + row) * toWidth + x) * between + c * apart;
      let read = row * width * 3;
      for (let column = 0; column < width; column++, at += between, read += 3) {
        made[at] = table[channels === 1 ? luma(data, read) : data[read + from]];
      }
    }
  }
  return made;
}

/** Return the ITU-R BT.601 luma of an RGB pixel. */
function luma(data, at) {
  return (data[at] * 4899 + data[at + 1] * 9617 + data[at + 2] * 1868 + 8192) >> 14;
}
