import { createPipeline, type FeatureExtraction, type PipelineOptions } from './sdk/pipeline.js';
import { QuernError } from './sdk/errors.js';
import type { SessionOptions } from './sdk/options.js';
import type { ModelInput } from './sdk/source.js';
import { createTask } from './sdk/task.js';
import type { VoiceActivityDetection } from './sdk/audio/voice.js';
import type {
  GenerationOptions,
  Text2TextGeneration,
  TextGeneration,
  TranslationOptions,
} from './sdk/text/generation.js';
import type { ClassificationOptions, ImageClassification } from './sdk/vision/classification.js';
import type { Ocr, OcrOptions } from './sdk/vision/ocr.js';

/** The public face of Quern; its types are told in quern.d.ts, which the build holds against this file. */
export { QuernError } from './sdk/errors.js';
export { Tensor } from './sdk/tensor.js';
export { capabilities } from './sdk/opening.js';
export { Session, forget } from './sdk/session.js';
export { State } from './sdk/state.js';
export { cosine } from './sdk/pooling.js';

const vision = () => import('./quern-vision.js');
const audio = () => import('./quern-audio.js');
const text = () => import('./quern-text.js');
const tokenizer = () => import('./quern-tokenizer.js');

export function pipeline(
  task: 'feature-extraction',
  model: ModelInput,
  options?: PipelineOptions,
): Promise<FeatureExtraction>;
export function pipeline(
  task: 'image-classification',
  model: ModelInput,
  options?: SessionOptions & ClassificationOptions,
): Promise<ImageClassification>;
export function pipeline(
  task: 'ocr',
  model: ModelInput,
  options?: SessionOptions & OcrOptions,
): Promise<Ocr>;
export function pipeline(
  task: 'voice-activity-detection',
  model: ModelInput,
  options?: SessionOptions,
): Promise<VoiceActivityDetection>;
export function pipeline(
  task: 'text-generation',
  model: ModelInput,
  options?: SessionOptions & GenerationOptions,
): Promise<TextGeneration>;
export function pipeline(
  task: 'text2text-generation',
  model: ModelInput,
  options?: SessionOptions & TranslationOptions,
): Promise<Text2TextGeneration>;
export async function pipeline(
  task:
    | 'feature-extraction'
    | 'image-classification'
    | 'ocr'
    | 'voice-activity-detection'
    | 'text-generation'
    | 'text2text-generation',
  model: ModelInput,
  options: PipelineOptions & ClassificationOptions & OcrOptions & TranslationOptions = {},
): Promise<
  | FeatureExtraction
  | ImageClassification
  | Ocr
  | VoiceActivityDetection
  | TextGeneration
  | Text2TextGeneration
> {
  // The bundler leaves these addresses alone, so they are relative to quern.js.
  switch (task) {
    case 'feature-extraction':
      return createPipeline(tokenizer, model, options);
    case 'image-classification':
      return createTask(
        async () => (await vision()).imageClassification,
        tokenizer,
        model,
        options,
      );
    case 'ocr':
      return createTask(async () => (await vision()).ocr, tokenizer, model, options);
    case 'voice-activity-detection': {
      // A network of many small nodes: what kernels save is less than the way to them (3.9 ms a frame, with kernels 10; Chromium 156).
      const plain = { ...options, device: options.device ?? 'reference' } as const;
      return createTask(
        async () => (await audio()).voiceActivityDetection,
        tokenizer,
        model,
        plain,
      );
    }
    case 'text-generation':
      return createTask(async () => (await text()).textGeneration, tokenizer, model, options);
    case 'text2text-generation':
      return createTask(async () => (await text()).text2textGeneration, tokenizer, model, options);
    default:
      throw new QuernError(
        'argument',
        `The task "${String(task)}" is unknown; use feature-extraction, image-classification, ocr, voice-activity-detection, text-generation or text2text-generation.`,
      );
  }
}
