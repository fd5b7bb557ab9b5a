package dev.quern.bridge;

import dev.quern.runtime.ByteProbe;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.Machine;
import dev.quern.runtime.MachineException;
import dev.quern.schedule.Features;

/** The engine worker's machine: modules and calls go through the {@link Host}. */
final class BrowserMachine implements Machine {
  private final Host host;
  private final Features features;
  private final BrowserMemory memory;

  BrowserMachine(Host host) {
    this.host = host;
    this.memory = new BrowserMemory(host);
    Features found = new Features(host.isRelaxedSimd(), host.isShared());
    this.features = found.relaxedSimd() ? found.with(ByteProbe.of(this)) : found;
  }

  @Override
  public Features features() {
    return features;
  }

  @Override
  public int threads() {
    return host.getThreads();
  }

  /** A view of the kernels' memory. */
  MemoryBytes view(long address, long bytes) {
    return (MemoryBytes) memory.view(address, bytes);
  }

  @Override
  public LinearMemory memory() {
    return memory;
  }

  @Override
  public void install(byte[] module) {
    stage(module);
    check(host.install(module.length));
  }

  /** Compiles a module for the page's own thread. */
  void share(byte[] module) {
    stage(module);
    check(host.share(module.length));
  }

  @Override
  public int load(byte[] module) {
    stage(module);
    return check(host.load(module.length));
  }

  @Override
  public boolean validate(byte[] module) {
    stage(module);
    return host.validate(module.length) == 1;
  }

  @Override
  public int run(int program, int first, int last) {
    return check(Native.run(program, first, last));
  }

  @Override
  public double call(int handle, String export, double... arguments) {
    for (int i = 0; i < arguments.length; i++) {
      Native.stageDouble(8 * i, arguments[i]);
    }
    try {
      return host.call(handle, export, arguments.length);
    } catch (RuntimeException e) {
      throw new MachineException(export + " failed: " + e.getMessage());
    }
  }

  @Override
  public double now() {
    return Native.now();
  }

  private void stage(byte[] bytes) {
    stage(0, bytes);
  }

  /** Puts bytes into the staging memory, where JavaScript reads them. */
  void stage(long offset, byte[] bytes) {
    check(host.ensureStage((double) (offset + bytes.length)));
    int at = (int) offset;
    int i = 0;
    for (; i + 4 <= bytes.length; i += 4) {
      Native.stageInt(at + i, BrowserMemory.word(bytes, i));
    }
    for (; i < bytes.length; i++) {
      Native.stageByte(at + i, bytes[i]);
    }
  }

  /** Copies an input of the run to an address of the kernels' memory. */
  void copyInput(Input input, long to) {
    host.input(input.index(), (int) to);
  }

  /** The bytes of an input, valid until anything else is staged. */
  StagedBytes stageInput(Input input) {
    host.stageInput(input.index());
    return new StagedBytes(0, input.bytes());
  }

  private int check(int status) {
    if (status < 0) {
      throw new MachineException(host.failure());
    }
    return status;
  }
}
