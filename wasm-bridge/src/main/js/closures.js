// Stands before TeaVM's runtime for WasmGC in the same module and hides the global Function: the
// runtime makes small functions from text, which a content security policy without 'unsafe-eval'
// forbids. Every text that it makes is known, so each gets a closure instead.
const Function = (() => {
  const scope = globalThis;

  /** `a.b.c` looked up from the global object. */
  const global = (path) =>
    path.split(".").reduce((at, name) => at[name], scope);

  const assign = (path) => (value) => {
    const names = path.split(".");
    const last = names.pop();
    names.reduce((at, name) => at[name], scope)[last] = value;
  };

  const rules = [
    [/^return ([\w.$]+);$/, (path) => () => global(path)],
    [/^([\w.$]+) = value;$/, assign],
    [
      /^return function\(.*\) \{\s+try \{\s+return fn\(this/,
      () => (rethrow, fn) =>
        function (...values) {
          try {
            return fn(this, ...values);
          } catch (e) {
            rethrow(e);
          }
        },
    ],
    [
      /^return function\(.*\) \{\s+try \{\s+return fn\(/,
      () =>
        (rethrow, fn) =>
        (...values) => {
          try {
            return fn(...values);
          } catch (e) {
            rethrow(e);
          }
        },
    ],
    [
      /^return function ([\w$]+)\(marker, javaObject\)/,
      (name) => (constructor) => {
        const made = function (marker, javaObject) {
          return constructor.call(this, marker, javaObject);
        };
        Object.defineProperty(made, "name", { value: name });
        return made;
      },
    ],
    [
      /^try \{\s+return fn\(/,
      () =>
        (rethrow, fn, ...values) => {
          try {
            return fn(...values);
          } catch (e) {
            rethrow(e);
          }
        },
    ],
    [
      /^try \{\s+return instance !== null/,
      () =>
        (rethrow, named, instance, method, ...values) => {
          try {
            return instance !== null
              ? instance[method](...values)
              : named(method)(...values);
          } catch (e) {
            rethrow(e);
          }
        },
    ],
    [
      /^try \{\s+return new constructor\(/,
      () =>
        (rethrow, constructor, ...values) => {
          try {
            return new constructor(...values);
          } catch (e) {
            rethrow(e);
          }
        },
    ],
    [
      /^return \[/,
      () =>
        (...values) =>
          values,
    ],
    [
      // Bodies of @JSBody methods. The engine has none of its own; TeaVM's library has a few that
      // only return a parameter.
      /^return new Function\('wrapCallFromJavaToJs'/,
      () =>
        (wrap, ...parts) => {
          const body = parts.pop();
          const index = parts.indexOf(/^return (\w+);$/.exec(body)?.[1]);
          if (index < 0)
            throw new Error(`no closure stands for the @JSBody: ${body}`);
          return (...values) => values[index];
        },
    ],
  ];

  return function (...parts) {
    const text = parts.at(-1);
    for (const [pattern, make] of rules) {
      const match = pattern.exec(text);
      if (match) return make(match[1]);
    }
    throw new Error(`no closure stands for the function text: ${text}`);
  };
})();
