import type { Capabilities } from '../sdk/protocol.js';

/** Shows what the device offers as a list of words, and returns a sentence about each. */
export function showFacts(list: HTMLElement, known: Capabilities, threads: number): string[] {
  const facts: { name: string; on: boolean; why: string }[] = [
    {
      name: threads === 1 ? '1 thread' : `${threads} threads`,
      on: threads > 1,
      why: known.threads.why,
    },
    ...(['simd', 'fma', 'gpu'] as const).map((fact) => ({
      name: `${known[fact].available ? '' : 'no '}${fact.toUpperCase()}`,
      on: known[fact].available,
      why: known[fact].why,
    })),
  ];
  list.replaceChildren(
    ...facts.map(({ name, on }) => {
      const item = document.createElement('li');
      item.textContent = name;
      item.classList.toggle('on', on);
      return item;
    }),
  );
  const engine = known.engine === 'wasmgc' ? 'runs as WebAssembly GC.' : 'runs as JavaScript here.';
  return [...facts.map(({ name, why }) => `${name}: ${why}`), `The compiler ${engine}`];
}
