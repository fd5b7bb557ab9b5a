// Brings a model's files into the session's shared memory, while the engine's own worker plans and compiles. The page starts it
// beside the engine's worker, which hears from it through a port.
import { FREE, downloadFiles, downloadUrl, placeFiles } from './download.js';
import { plainError } from './errors.js';

const PROGRESS_MILLISECONDS = 20;

onmessage = async ({ data: { memory, port, source } }) => {
  const { signal } = new AbortController(); // an aborted download's worker is ended
  let told = 0;
  const onBytes = (loaded, total) => {
    const now = performance.now();
    if (loaded < total && now - told < PROGRESS_MILLISECONDS) return;
    told = now;
    port.postMessage({ loaded, total });
  };
  const onOutline = () => port.postMessage({ outlined: true });
  try {
    const bytes =
      source.kind === 'manifest'
        ? await downloadFiles(placeFiles(source), { memory, signal, onBytes, onOutline })
        : await downloadUrl(source.url, { memory, address: FREE, signal, onBytes });
    port.postMessage({ done: true, bytes });
  } catch (error) {
    port.postMessage({ error: plainError(error) });
  }
};
