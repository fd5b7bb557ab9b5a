/*
 * What an ONNX file holds, read from its bytes without the engine: protocol buffers are numbered fields, of which a few matter here. Field numbers
 * are those of onnx.proto.
 */

export interface Outline {
  producer: string;
  /** Version of each operator set, by domain; ONNX's own is ''. */
  opsets: Record<string, number>;
  /** How often each operator occurs, those of branches and loops too. */
  operators: Record<string, number>;
  /** Numbers of all constants. */
  parameters: number;
}

/** What is wrong is for the engine to say: of a damaged file as much is told as could be read; null if there is no graph in it. */
export function outlineOf(bytes: Uint8Array): Outline | null {
  const outline: Outline = { producer: '', opsets: {}, operators: {}, parameters: 0 };
  let found = false;
  for (const { field, chunk } of fields(bytes)) {
    if (field === 2 && chunk) {
      outline.producer = textOf(chunk);
    } else if (field === 7 && chunk) {
      found = true;
      graph(chunk, outline);
    } else if (field === 8 && chunk) {
      const set = [...fields(chunk)];
      const domain = set.find((f) => f.field === 1)?.chunk;
      outline.opsets[domain ? textOf(domain) : ''] = set.find((f) => f.field === 2)?.number ?? 0;
    }
  }
  return found ? outline : null;
}

function graph(bytes: Uint8Array, outline: Outline): void {
  for (const { field, chunk } of fields(bytes)) {
    if (field === 1 && chunk) {
      node(chunk, outline);
    } else if (field === 5 && chunk) {
      outline.parameters += sizeOf(chunk);
    }
  }
}

function node(bytes: Uint8Array, outline: Outline): void {
  let [op, domain] = ['', ''];
  for (const { field, chunk } of fields(bytes)) {
    if (field === 4 && chunk) {
      op = textOf(chunk);
    } else if (field === 7 && chunk) {
      domain = textOf(chunk);
    } else if (field === 5 && chunk) {
      for (const value of fields(chunk)) {
        if (value.field === 5 && value.chunk) {
          outline.parameters += sizeOf(value.chunk);
        } else if (value.field === 6 && value.chunk) {
          graph(value.chunk, outline);
        }
      }
    }
  }
  if (op !== 'Constant') {
    const name = domain === '' || domain === 'ai.onnx' ? op : `${domain}.${op}`;
    outline.operators[name] = (outline.operators[name] ?? 0) + 1;
  }
}

/** The numbers of a tensor: the product of its sizes, which are packed or not. */
function sizeOf(tensor: Uint8Array): number {
  let size = 1;
  for (const { field, number, chunk } of fields(tensor)) {
    if (field === 1 && chunk) {
      for (let at = 0; at < chunk.length; ) {
        const [dim, next] = varint(chunk, at);
        size *= dim;
        at = next;
      }
    } else if (field === 1) {
      size *= number;
    }
  }
  return size;
}

interface Field {
  field: number;
  number: number;
  chunk: Uint8Array | null;
}

/** The fields of a message, up to its end or to where it makes no sense. */
function* fields(bytes: Uint8Array): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = varint(bytes, at);
    const field = Math.floor(tag / 8);
    const kind = tag % 8;
    let [number, end] = [0, start];
    let chunk: Uint8Array | null = null;
    if (kind === 0) {
      [number, end] = varint(bytes, start);
    } else if (kind === 2) {
      const [length, from] = varint(bytes, start);
      end = from + length;
      chunk = bytes.subarray(from, end);
    } else {
      end = start + (kind === 1 ? 8 : 4);
    }
    if (field === 0 || (kind > 2 && kind !== 5) || end > bytes.length) {
      return;
    }
    yield { field, number, chunk };
    at = end;
  }
}

/** A number and the position behind it; above 2^53 it is not exact. */
function varint(bytes: Uint8Array, from: number): [number, number] {
  let [value, factor] = [0, 1];
  for (let at = from; at < Math.min(from + 10, bytes.length); at++) {
    const byte = bytes[at]!;
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) {
      return [value, at + 1];
    }
  }
  return [value, Infinity];
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
