package dev.quern.runtime;

import com.caoccao.javet.exceptions.JavetException;
import com.caoccao.javet.interop.V8Host;
import com.caoccao.javet.interop.V8Runtime;
import com.caoccao.javet.interop.callback.IJavetDirectCallable;
import com.caoccao.javet.interop.callback.JavetCallbackContext;
import com.caoccao.javet.interop.callback.JavetCallbackType;
import com.caoccao.javet.values.V8Value;
import com.caoccao.javet.values.reference.V8ValueArrayBuffer;
import com.caoccao.javet.values.reference.V8ValueFunction;
import com.caoccao.javet.values.reference.V8ValueObject;
import dev.quern.schedule.Features;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.WasmModule;
import java.nio.ByteBuffer;

/**
 * V8 inside the JVM: emitted modules run in a unit test as they run in a browser. One thread, and a
 * memory that is shared or not, as the modules that are to run import it.
 */
public final class JavetMachine implements Machine, AutoCloseable {
  private static final int PAGE = 65536;

  /** Functions of the host; arguments and results are numbers and buffers only. */
  private static final String HOST =
      """
      (function (shared, tableSize, now) {
        const memory = new WebAssembly.Memory({initial: 1, maximum: 65536, shared});
        const table = new WebAssembly.Table({initial: tableSize, element: 'anyfunc'});
        const imports = {env: {memory, table, now}};
        const instances = [];
        return {
          buffer: () => memory.buffer,
          grow: (pages) => memory.grow(pages),
          staging: (bytes) => new ArrayBuffer(bytes),
          validate: (bytes) => WebAssembly.validate(bytes),
          load: (bytes) => {
            const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
            return instances.push(instance.exports) - 1;
          },
          call: (handle, name, ...numbers) => {
            const f = instances[handle][name];
            if (typeof f !== 'function') {
              throw new Error('module ' + handle + ' has no export ' + name);
            }
            const result = f(...numbers);
            return result === undefined ? 0 : Number(result);
          },
        };
      })
      """;

  private final V8Runtime runtime;
  private final V8ValueObject host;
  private final V8ValueFunction call;
  private final Features features;
  private final JavetMemory memory;
  private final long origin = System.nanoTime();
  private int walker = -1;

  private JavetMachine(boolean shared) {
    try {
      runtime = V8Host.getV8Instance().createV8Runtime();
      try (V8ValueFunction create = runtime.getExecutor(HOST).execute();
          V8ValueFunction clock = runtime.createV8ValueFunction(clock())) {
        host = create.call(null, shared, Control.TABLE_SIZE, clock);
      }
      call = host.get("call");
    } catch (JavetException e) {
      throw failed("cannot start V8", e);
    }
    memory = new JavetMemory(this);
    Features found = new Features(validate(relaxedProbe()), shared);
    features = found.relaxedSimd() ? found.with(ByteProbe.of(this)) : found;
  }

  /** A machine whose memory belongs to one thread. */
  public static JavetMachine create() {
    return new JavetMachine(false);
  }

  /** A machine with a shared memory, still of one thread: kernels use their atomic forms. */
  public static JavetMachine createShared() {
    return new JavetMachine(true);
  }

  private JavetCallbackContext clock() {
    return new JavetCallbackContext(
        "now",
        this,
        JavetCallbackType.DirectCallNoThisAndResult,
        (IJavetDirectCallable.NoThisAndResult<Exception>)
            arguments -> runtime.createV8ValueDouble(now()));
  }

  private static byte[] relaxedProbe() {
    return WasmModule.build(module ->
            module.function(
                "probe",
                FunctionType.of("vvv:v"),
                code -> {
                  for (int i = 0; i < 3; i++) {
                    code.get(code.parameter(i));
                  }
                  code.op(Opcode.F32X4_RELAXED_MADD);
                }))
        .encode();
  }

  @Override
  public Features features() {
    return features;
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public LinearMemory memory() {
    return memory;
  }

  @Override
  public void install(byte[] module) {
    int handle = load(module);
    if (walker < 0) {
      walker = handle;
    }
  }

  @Override
  public int run(int program, int first, int last) {
    if (walker < 0) {
      throw new MachineException("no module is installed: the walker's has to be the first");
    }
    return (int) call(walker, "run", program, first, last);
  }

  @Override
  public double call(int handle, String export, double... arguments) {
    Object[] all = new Object[arguments.length + 2];
    all[0] = handle;
    all[1] = export;
    for (int i = 0; i < arguments.length; i++) {
      all[i + 2] = arguments[i];
    }
    try {
      Number result = call.callObject(null, all);
      return result.doubleValue();
    } catch (JavetException e) {
      throw failed(export + " failed", e);
    }
  }

  @Override
  public int load(byte[] module) {
    return (int) withBytes("load", module);
  }

  @Override
  public boolean validate(byte[] module) {
    return withBytes("validate", module) != 0;
  }

  /** Calls a function of the host with a buffer that holds the bytes. */
  private double withBytes(String function, byte[] bytes) {
    try (V8ValueArrayBuffer staging = host.invoke("staging", bytes.length)) {
      ByteBuffer target = staging.getByteBuffer();
      target.put(0, bytes);
      try (V8Value result = host.invoke(function, staging)) {
        Object value = runtime.toObject(result);
        return value instanceof Boolean flag ? (flag ? 1 : 0) : ((Number) value).doubleValue();
      }
    } catch (JavetException e) {
      throw failed("module of " + bytes.length + " bytes: " + function + " failed", e);
    }
  }

  /** The present buffer of the memory; the caller closes it when it has been replaced. */
  V8ValueArrayBuffer buffer() {
    try {
      return host.invoke("buffer");
    } catch (JavetException e) {
      throw failed("cannot read the memory", e);
    }
  }

  void grow(int pages) {
    try {
      host.invokeVoid("grow", pages);
    } catch (JavetException e) {
      throw failed("cannot grow the memory by " + pages + " pages of " + PAGE + " bytes", e);
    }
  }

  @Override
  public double now() {
    return (System.nanoTime() - origin) / 1e6;
  }

  private static MachineException failed(String what, JavetException cause) {
    MachineException exception = new MachineException(what + ": " + cause.getMessage());
    exception.initCause(cause);
    return exception;
  }

  /** Ends V8; the memory must not be used any more. */
  @Override
  public void close() {
    try {
      memory.close();
      call.close();
      host.close();
      runtime.lowMemoryNotification();
      runtime.close();
    } catch (JavetException e) {
      throw failed("cannot close V8", e);
    }
  }
}
