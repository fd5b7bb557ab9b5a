/* Answers {url} once the module is warm, and {milliseconds} with the turns of its loop a millisecond. */
let peak;
let turns = 1000;

function timed() {
  const from = performance.now();
  peak(turns);
  return performance.now() - from;
}

onmessage = async ({ data }) => {
  if (data.url) {
    const { instance } = await WebAssembly.instantiateStreaming(fetch(data.url));
    peak = instance.exports.peak;
    while (timed() < 20) {
      turns *= 2;
    }
    // The optimising compiler may still be at work: once more with time to finish.
    await new Promise((go) => setTimeout(go, 100));
    timed();
    postMessage(null);
    return;
  }
  const spent = timed();
  const rate = turns / spent;
  turns = Math.max(1000, Math.round(rate * data.milliseconds));
  postMessage(rate);
};
