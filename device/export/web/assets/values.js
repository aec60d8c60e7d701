// What outputs hold, as edgevision/tflite/outputs.py reads it. Math.fround keeps the precision of 32-bit floats.

/** Return the real values of an output: scale * (stored - zero_point). */
export function dequantize(output, { scale, zero_point: zero }) {
  if (!scale) return Float32Array.from(output);
  const factor = Math.fround(scale);
  return Float32Array.from(output, (stored) => Math.fround(stored - zero) * factor);
}

/** Limit a score to 0..1 and round it to 6 digits. */
export function unit(score) {
  return rounded(Math.min(1, Math.max(0, score)), 6);
}

/** Round a number of at least 0 to some decimal digits, as Python does: by its exact value, halves to the even neighbor. */
export function rounded(value, digits) {
  const near = value.toFixed(digits); // of two equally near ones, the larger
  const scaled = value * 10 ** digits;
  if (Math.abs(scaled - Math.floor(scaled) - 0.5) > 1e-6) return Number(near);
  const exact = value.toFixed(100);
  const tie = /^50*$/.test(exact.slice(exact.indexOf(".") + 1 + digits));
  const odd = Number(near.at(-1)) % 2 === 1;
  return tie && odd ? Number((Number(near) - 10 ** -digits).toFixed(digits)) : Number(near);
}

/** Return the positions of an array's values, the largest first, ties in their order. */
export function descending(values) {
  return Array.from(values, (_, n) => n).sort((a, b) => values[b] - values[a] || a - b);
}

/** Return the name of a class, or its number as text. */
export function nameOf(labels, index) {
  return labels[index] ?? String(index);
}
