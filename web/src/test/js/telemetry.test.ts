import { browserLabel } from '../../main/js/sdk/labels.js';
import { recordKey } from '../../main/js/sdk/store.js';
import { Telemetry, allowed } from '../../main/js/sdk/telemetry.js';
import { ManualClock, fakeFetch, same, settle, test } from './harness.js';

const URL_ = 'https://quern.example/api/v1/telemetry';
const EVENT = { type: 'inference', model: 'm', milliseconds: 3 };
const RECORD = {
  version: 1,
  kernel: 'k',
  bucket: '1',
  device: 'd',
  schedule: 's',
  seconds: 1,
  samples: 2,
  engine: 'e',
  browser: 'b',
};

test('only the fields of the table leave the page', () => {
  same(allowed({ ...EVENT, text: 'a secret', inputs: [1] }), EVENT);
  same(allowed({ type: 'schedule', record: { ...RECORD, page: 'https://…' } }), {
    type: 'schedule',
    record: RECORD,
  });
  same(allowed({ type: 'keystroke', key: 'a' }), null);
});

test('events go in one batch after a while', async () => {
  const clock = new ManualClock();
  const bodies: unknown[] = [];
  fakeFetch({
    [URL_]: (init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return new Response('', { status: 202 });
    },
  });
  const telemetry = new Telemetry(URL_, clock);
  telemetry.add(EVENT);
  telemetry.add({ type: 'unknown' });
  telemetry.add(EVENT);
  await settle();
  same(bodies, []);
  clock.pass(5000);
  await settle();
  same(bodies, [{ version: 1, events: [EVENT, EVENT] }]);
  await telemetry.close();
  same(bodies.length, 1);
});

test('a server in trouble gets the batch again, one that refuses it does not', async () => {
  let status = 503;
  const asked = fakeFetch({ [URL_]: () => new Response('', { status }) });
  const telemetry = new Telemetry(URL_, new ManualClock());
  telemetry.add(EVENT);
  await telemetry.flush();
  status = 400;
  await telemetry.flush();
  await telemetry.flush();
  same(asked.length, 2);
});

test('a server that takes none is not asked again', async () => {
  const asked = fakeFetch({ [URL_]: () => new Response('', { status: 403 }) });
  const telemetry = new Telemetry(URL_, new ManualClock());
  for (let i = 0; i < 3; i++) {
    telemetry.add(EVENT);
    await telemetry.flush();
  }
  same(asked.length, 1);
});

test('browsers are told by name and major version', () => {
  const brands = [
    { brand: 'Not A Brand', version: '8' },
    { brand: 'Chromium', version: '156' },
  ];
  same(browserLabel({ userAgentData: { brands } }), 'Chromium 156');
  same(
    browserLabel({ userAgent: 'Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0' }),
    'Firefox 153',
  );
  same(
    browserLabel({ userAgent: 'Mozilla/5.0 AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15' }),
    'WebKit 26',
  );
  same(browserLabel({}), 'unknown');
});

test('a newer record replaces the one of the same kernel, bucket and device', () => {
  same(recordKey(RECORD), recordKey({ ...RECORD, schedule: 'other', seconds: 2 }));
  same(recordKey(RECORD) === recordKey({ ...RECORD, bucket: '2-8' }), false);
});
