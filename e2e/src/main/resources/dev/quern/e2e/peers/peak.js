/* The rate at which `threads` workers multiply and add at once, in registers only: what no kernel passes. */
export async function load({ url, flops }, { threads }) {
  const workers = Array.from({ length: threads }, () => new Worker('peak-worker.js'));
  const answer = (worker) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  const ask = (request) =>
    Promise.all(
      workers.map((worker) => {
        const heard = answer(worker);
        worker.postMessage(request);
        return heard;
      }),
    );
  await ask({ url });
  return {
    async peak() {
      const rates = await ask({ milliseconds: 20 });
      return (rates.reduce((sum, turns) => sum + turns, 0) * flops) / 1e6;
    },
  };
}
