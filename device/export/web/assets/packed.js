// Fetches the app's own files, which may be packed with gzip.

/** Return the bytes of a file, unpacked if it is packed with gzip. */
export async function fetchUnpacked(url) {
  const bytes = await fetchBytes(url);
  // Some hosts unpack .gz files on the way, or the browser does; then there is nothing left to do.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/** Return the bytes of a file. */
export async function fetchBytes(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} could not be loaded: HTTP ${answer.status}; copy the whole folder again`);
  return new Uint8Array(await answer.arrayBuffer());
}
