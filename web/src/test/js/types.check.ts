import * as real from '../../main/js/quern.js';
import type { QuernEmbed } from '../../main/js/element.js';
import type { QuernEmbedElement } from '../../main/types/element.d.ts';
import type * as told from '../../main/types/quern.d.ts';

/* Compiles only while the hand-written declarations tell the truth: the module has all they promise, and nothing that they keep quiet. */

const asTold: Omit<typeof told, 'Session'> = real;
// The constructor is private, with parameters of its own: only the rest can be compared.
const create: typeof told.Session.create = real.Session.create;
const nothingElse: Record<Exclude<keyof typeof real, keyof typeof told>, never> = {};

export const element = (made: QuernEmbed): QuernEmbedElement => made;

export async function uses(): Promise<void> {
  const session = await create(new ArrayBuffer(8), { device: 'wasm', threads: 1 });
  const wide: told.Session = session;
  wide.addEventListener('latency', ({ detail }) => detail.milliseconds.toFixed(1));
  const outputs = await wide.run({ x: new asTold.Tensor('float32', [1, 2], [2]) });
  const found: told.Tensor | undefined = outputs['y'];
  const embed: told.FeatureExtraction = await asTold.pipeline('feature-extraction', 'name');
  const { vectors } = await embed(['a', 'b']);
  const classify: told.ImageClassification = await asTold.pipeline('image-classification', 'name');
  const { classes } = await classify(new ImageData(2, 2), { topK: 1 });
  const read: told.Ocr = await asTold.pipeline('ocr', 'name', { direction: false });
  const { lines } = await read('image.png');
  const detect: told.VoiceActivityDetection = await asTold.pipeline(
    'voice-activity-detection',
    'name',
  );
  const { segments } = await detect(new Float32Array(16000), { threshold: 0.4 });
  void segments[0]?.start;
  const generate: told.TextGeneration = await asTold.pipeline('text-generation', 'name');
  for await (const { text } of generate.stream('a', { topP: 0.9 })) {
    void text;
  }
  const translate: told.Text2TextGeneration = await asTold.pipeline(
    'text2text-generation',
    'name',
    {
      decoder: 'decoder.onnx',
    },
  );
  void (await translate('a')).text;
  void [classes[0]!.label, lines[0]!.corners[0][0]];
  asTold.cosine(vectors[0]!, vectors[1]!);
  void [found, nothingElse];
}
