// The engine worker: one session. Requests come as {id, type, …} and get one reply each; other
// messages to the page are notifications without an id.
import { EngineError, plainError } from './errors.js';
import { gpuFact } from './gpu-side.js';
import { capabilities, probe } from './probe.js';
import { Session } from './session.js';

let started = null;
let session = null;
let creating = null;
const cancelled = new Set();

const outputBuffers = (value) =>
  Object.values(value?.outputs ?? {})
    .map((tensor) => tensor.data?.buffer)
    .filter(Boolean);

function start(request) {
  if (started) throw new EngineError('engine', 'This worker already has a session.');
  started = new Session((message) => postMessage(message));
  started.start(request);
  return null;
}

async function create(request) {
  if (!started || creating || session) {
    throw new EngineError('engine', 'This worker was not started, or already has a session.');
  }
  creating = { id: request.id, controller: new AbortController() };
  const made = started;
  try {
    const value = await made.create(request, creating.controller.signal);
    session = made;
    return value;
  } catch (error) {
    creating.controller.abort();
    made.release();
    throw error;
  } finally {
    creating = null;
  }
}

async function offered() {
  return { ...capabilities(probe()), gpu: await gpuFact() };
}

function handle(request) {
  if (request.type === 'capabilities') return offered();
  if (request.type === 'start') return start(request);
  if (request.type === 'create') return create(request);
  if (request.type === 'release') {
    creating?.controller.abort();
    started?.release();
    session = null;
    return null;
  }
  if (!session)
    throw new EngineError('released', 'The session has been released or was never created.');
  switch (request.type) {
    case 'run':
      return session.run(request);
    case 'repeat':
      return session.repeat(request);
    case 'share':
      return session.share();
    case 'schedules':
      return session.schedules(request);
    case 'tuning':
      session.setTuning(request);
      return null;
    case 'profile':
      return session.profile(request);
    case 'describe':
      return session.describe();
    default:
      throw new EngineError('engine', `Unknown request '${request.type}'.`);
  }
}

onmessage = async ({ data: request }) => {
  if (request.type === 'cancel') {
    if (creating?.id === request.target) creating.controller.abort();
    else cancelled.add(request.target);
    return;
  }
  const { id } = request;
  try {
    if (cancelled.delete(id)) throw new EngineError('aborted', 'The request was cancelled.');
    const value = await handle(request);
    postMessage({ id, ok: true, value }, request.type === 'run' ? outputBuffers(value) : []);
  } catch (error) {
    postMessage({ id, ok: false, error: plainError(error) });
  }
};
