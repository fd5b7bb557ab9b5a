/* What the adapters of libraries share. */

/** The initializers of the ONNX file, for libraries that have operators but read no model file: {name: {dims, data}}. */
export async function weights(url) {
  const [table, bytes] = await Promise.all([
    fetch(`${url}.json`).then((response) => response.json()),
    fetch(url).then((response) => response.arrayBuffer()),
  ]);
  return Object.fromEntries(
    table.map(({ name, dims, offset, length }) => [
      name,
      { dims, data: new Float32Array(bytes, offset, length) },
    ]),
  );
}

/** An image [batch, channels, height, width] as [batch, height, width, channels]. */
export function channelsLast({ data, dims: [batch, channels, height, width] }) {
  const moved = new Float32Array(data.length);
  const area = height * width;
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < area; p++) {
        moved[(b * area + p) * channels + c] = data[(b * channels + c) * area + p];
      }
    }
  }
  return { data: moved, dims: [batch, height, width, channels] };
}
