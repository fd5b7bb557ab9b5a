/* The initializers of the ONNX file, for libraries that have operators but read no model file: {name: {dims, data}}. */
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
