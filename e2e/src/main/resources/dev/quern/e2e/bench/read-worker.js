/* Answers {urls, pages} once all modules ran on a memory of its own, and {which, turns} with the bytes a millisecond that one of them read. */
let reads = [];
let bytes = 0;

onmessage = async ({ data }) => {
  if (data.urls) {
    const memory = new WebAssembly.Memory({ initial: data.pages });
    bytes = memory.buffer.byteLength;
    // Pages that nobody wrote to would all be read as one.
    new Uint8Array(memory.buffer).fill(1);
    reads = await Promise.all(
      data.urls.map(async (url) => {
        const { instance } = await WebAssembly.instantiateStreaming(fetch(url), { env: { memory } });
        return instance.exports.peak;
      }),
    );
    for (let i = 0; i < 20; i++) reads.forEach((read) => read(1));
    postMessage(null);
    return;
  }
  const from = performance.now();
  reads[data.which](data.turns);
  postMessage((bytes * data.turns) / (performance.now() - from));
};
