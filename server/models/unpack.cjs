// Takes MobileNetV2 out of the scripts that nsfwjs wraps it in: a TF.js graph model as `model.json`
// (topology and table of weights) and `weights.bin` (the shards in order).
// Arguments: the folder to write to.
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.argv[2];
const source = join(__dirname, 'node_modules/nsfwjs/dist/models/mobilenet_v2_mid');
const model = require(join(source, 'model.min.js'));
const shards = model.weightsManifest
  .flatMap((group) => group.paths)
  .map((path) => Buffer.from(require(join(source, `${path}.min.js`)), 'base64'));

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'weights.bin'), Buffer.concat(shards));
writeFileSync(join(folder, 'model.json'), JSON.stringify(model));
