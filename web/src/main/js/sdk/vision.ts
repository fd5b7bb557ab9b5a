import { QuernError, throwIfAborted, type ErrorCode } from './errors.js';
import { fetchBytes, fetchFile, fileOf } from './manifest.js';
import { checkOptions, type Progress, type SessionOptions } from './options.js';
import { Session } from './session.js';
import { findModel, type Found, type ModelInput } from './source.js';
import { Tensor } from './tensor.js';
import type {
  ClassificationOptions,
  ImageClassification,
  imageClassification,
} from './vision/classification.js';
import type { Host } from './vision/host.js';
import type { Ocr, OcrOptions, ocr } from './vision/ocr.js';

/** Loads the file of the tasks on images. */
export type LoadVision = () => Promise<{
  imageClassification: typeof imageClassification;
  ocr: typeof ocr;
}>;

export type VisionTask = 'image-classification' | 'ocr';

export type VisionOptions = SessionOptions & ClassificationOptions & OcrOptions;

/** A ready-made task on images. */
export async function createVision(
  load: LoadVision,
  task: VisionTask,
  model: ModelInput,
  options: VisionOptions,
): Promise<ImageClassification | Ocr> {
  throwIfAborted(options.signal);
  const checked = checkOptions(options);
  const [tasks, found] = await Promise.all([
    load(),
    findModel(model, checked.server, options.signal),
  ]);
  const host = hostOf(found, options);
  return task === 'ocr' ? tasks.ocr(host, options) : tasks.imageClassification(host, options);
}

function hostOf(found: Found, options: SessionOptions): Host {
  const { manifest } = found;
  const progress = new ProgressSum(options.onProgress);
  const open = (finding: Promise<Found>) =>
    Session.open(finding, checkOptions({ ...options, onProgress: progress.part() }));
  return {
    manifest,
    error: (code: ErrorCode, message: string, cause?: unknown) =>
      new QuernError(code, message, { cause }),
    tensor: (data, dims) => new Tensor('float32', data, dims),
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
