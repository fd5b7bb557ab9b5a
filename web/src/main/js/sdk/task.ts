import { QuernError, throwIfAborted, type ErrorCode } from './errors.js';
import { fetchBytes, fetchFile, fileOf } from './manifest.js';
import { checkOptions, type Progress, type SessionOptions } from './options.js';
import { Session } from './session.js';
import { findModel, type Found, type ModelInput } from './source.js';
import { State } from './state.js';
import { Tensor } from './tensor.js';
import { tokenizerJson, type LoadTokenizer } from './tokenizing.js';
import type { Host } from './vision/host.js';

/** A ready-made task, whose file is loaded while its model is found. `loadTokenizer` is needed by tasks on text. */
export async function createTask<Options extends SessionOptions, Task>(
  load: () => Promise<(host: Host, options: Options) => Promise<Task>>,
  loadTokenizer: LoadTokenizer,
  model: ModelInput,
  options: Options,
): Promise<Task> {
  throwIfAborted(options.signal);
  const checked = checkOptions(options);
  const [task, found] = await Promise.all([
    load(),
    findModel(model, checked.server, options.signal),
  ]);
  return task(hostOf(found, options, loadTokenizer), options);
}

function hostOf(found: Found, options: SessionOptions, loadTokenizer: LoadTokenizer): Host {
  const { manifest } = found;
  const progress = new ProgressSum(options.onProgress);
  const open = (finding: Promise<Found>) =>
    Session.open(finding, checkOptions({ ...options, onProgress: progress.part() }));
  return {
    manifest,
    error: (code: ErrorCode, message: string, cause?: unknown) =>
      new QuernError(code, message, { cause }),
    tensor: (data, dims, type) =>
      new Tensor(type ?? (data instanceof BigInt64Array ? 'int64' : 'float32'), data, dims),
    state: (pairs) => new State(pairs),
    open: (role, given) => {
      if (given !== undefined) {
        const { server } = checkOptions(options);
        return open(findModel(given as ModelInput, server, options.signal));
      }
      if (role === 'model') {
        return open(Promise.resolve(found));
      }
      const file = manifest && fileOf(manifest, role);
      return file
        ? open(
            Promise.resolve({
              source: { kind: 'manifest', model: file, data: [] },
              manifest,
              name: `${found.name} ${role}`,
            }),
          )
        : null;
    },
    file: async (role, given) => {
      if (given !== undefined) {
        return fetchBytes(new URL(given, globalThis.location?.href).href, options.signal);
      }
      const file = manifest && fileOf(manifest, role);
      return file ? fetchFile(file, options.signal) : null;
    },
    tokenizer: async (given) => {
      const { signal } = options;
      const source = { ...(given && { tokenizer: given }), ...(signal && { signal }) };
      const json = await tokenizerJson(source, manifest);
      if (!json) {
        return null;
      }
      const { Tokenizer } = await loadTokenizer();
      return new Tokenizer(json);
    },
  };
}

/** The progress of several sessions as one. */
class ProgressSum {
  readonly #tell: SessionOptions['onProgress'];
  readonly #parts: Map<Progress['phase'], Progress>[] = [];

  constructor(tell: SessionOptions['onProgress']) {
    this.#tell = tell;
  }

  part(): SessionOptions['onProgress'] {
    const own = new Map<Progress['phase'], Progress>();
    this.#parts.push(own);
    return (progress) => {
      own.set(progress.phase, progress);
      const sum = { phase: progress.phase, loaded: 0, total: 0 };
      for (const part of this.#parts) {
        sum.loaded += part.get(sum.phase)?.loaded ?? 0;
        sum.total += part.get(sum.phase)?.total ?? 0;
      }
      this.#tell?.(sum);
    };
  }
}
