package dev.quern.wgsl;

import dev.quern.schedule.GpuSchedules;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * A compute shader as data: its text, what it reads and writes, and how to dispatch it for a run.
 * All bindings are in group 0: first the buffers in the order of {@link #bindings}, then the words,
 * a uniform struct of u32, then where {@link #faults} the run's status.
 *
 * @param bindings buffers
 * @param words what the uniform struct holds
 * @param faults whether it reports faults
 * @param grid how many workgroups a run takes
 */
public record Shader(
    String text, List<Binding> bindings, List<Word> words, boolean faults, Grid grid) {
  /** The most words that a step's part of the uniform buffer holds. */
  public static final int MOST_WORDS = 64;

  static final String STATUS = "status";

  /**
   * A buffer.
   *
   * @param arg the argument of the step whose base it is
   */
  public record Binding(int arg, Type element, boolean writable) {}

  /** A number that a run decides. */
  public record Word(String name, Source source) {}

  /** Where a number comes from. */
  @FunctionalInterface
  public interface Source {
    /** Its value; what is negative wraps. */
    long value(Sizes sizes);
  }

  /** What is known of a step when it is bound. */
  public interface Sizes {
    /** An argument's number; of an address its bytes behind the base. */
    long arg(int index);

    /** The step's work items. */
    long items();

    /** What of its weights this dispatch sees; null for all. */
    default Share share() {
      return null;
    }
  }

  /**
   * Weights that are more than a buffer holds lie in several, and a step is dispatched for each.
   *
   * @param first the first panel of columns, or row of a table
   * @param count how many
   */
  public record Share(long first, long count) {}

  /**
   * How a step's weights can be shared out to buffers.
   *
   * @param arg the argument that is their address
   * @param unitBytes what stays together: a panel of columns, or a row of a table
   * @param units how many there are
   */
  public record Splitting(int arg, long unitBytes, long units) {}

  /** Workgroups along x, y and z. */
  @FunctionalInterface
  public interface Grid {
    long[] groups(Sizes sizes);
  }

  public Shader {
    bindings = List.copyOf(bindings);
    words = List.copyOf(words);
  }

  /** Builds a shader. */
  static Shader build(String title, Consumer<Builder> body) {
    Builder builder = new Builder();
    body.accept(builder);
    return builder.finish(title);
  }

  /** What invocations know about themselves. */
  record Invocation(Expr local, Expr groupX, Expr groupY, Expr groupZ, Expr groupsX) {
    /** The number of this workgroup where they are laid out in rows, see {@link #rows}. */
    Expr group() {
      return groupY.times(groupsX).plus(groupX);
    }
  }

  /** What a shader's lambda is handed. */
  static final class Builder {
    private final List<Binding> bindings = new ArrayList<>();
    private final List<Word> words = new ArrayList<>();
    private final StringBuilder declarations = new StringBuilder();
    private final StringBuilder memory = new StringBuilder();
    private int size;
    private boolean faults;
    private Grid grid;
    private String body;
    private long workgroupBytes;

    private Builder() {}

    /** A buffer that is only read. */
    Array read(String name, Type element, int arg) {
      return binding(name, element, arg, false);
    }

    /** A buffer that is written, and may be read. */
    Array write(String name, Type element, int arg) {
      return binding(name, element, arg, true);
    }

    private Array binding(String name, Type element, int arg, boolean writable) {
      declarations
          .append("@group(0) @binding(")
          .append(bindings.size())
          .append(") var<storage, ")
          .append(writable ? "read_write" : "read")
          .append("> ")
          .append(name)
          .append(": array<")
          .append(element.text())
          .append(">;\n");
      bindings.add(new Binding(arg, element, writable));
      return new Array(name, element, writable);
    }

    /** A number that the run decides. */
    Expr word(String name, Source source) {
      words.add(new Word(name, source));
      if (words.size() > MOST_WORDS) {
        throw new ShaderException("a step's words do not fit its part of the uniform buffer");
      }
      return new Expr(Type.U32, "words." + name);
    }

    /** An argument as it is. */
    Expr number(String name, int arg) {
      return word(name, sizes -> sizes.arg(arg));
    }

    /** An argument in bytes, counted in elements of so many. */
    Expr scaled(String name, int arg, int bytes) {
      return word(name, sizes -> sizes.arg(arg) / bytes);
    }

    /** Memory that a workgroup shares. */
    Array shared(String name, Type element, int length) {
      memory
          .append("var<workgroup> ")
          .append(name)
          .append(": array<")
          .append(element.text())
          .append(", ")
          .append(length)
          .append(">;\n");
      workgroupBytes += (long) length * element.bytes();
      return new Array(name, element, true);
    }

    /** Lets the shader report faults. */
    void reportsFaults() {
      faults = true;
    }

    /** The entry point. */
    void main(int invocations, Grid layout, BiConsumer<Code, Invocation> content) {
      size = invocations;
      grid = layout;
      Code code = new Code();
      content.accept(
          code,
          new Invocation(
              new Expr(Type.U32, "local_index"),
              new Expr(Type.U32, "group_id.x"),
              new Expr(Type.U32, "group_id.y"),
              new Expr(Type.U32, "group_id.z"),
              new Expr(Type.U32, "groups.x")));
      body = code.text();
    }

    private Shader finish(String title) {
      StringBuilder out = new StringBuilder();
      out.append("// ").append(title).append('\n');
      int at = bindings.size();
      if (!words.isEmpty()) {
        out.append("struct Words {\n");
        for (Word word : words) {
          out.append("  ").append(word.name()).append(": u32,\n");
        }
        out.append("}\n");
      }
      out.append(declarations);
      if (!words.isEmpty()) {
        out.append("@group(0) @binding(").append(at++).append(") var<uniform> words: Words;\n");
      }
      if (faults) {
        out.append("@group(0) @binding(").append(at).append(") var<storage, read_write> ");
        out.append(STATUS).append(": array<atomic<u32>, 2>;\n");
      }
      out.append(memory);
      out.append("\n@compute @workgroup_size(").append(size).append(")\nfn main(\n");
      out.append("  @builtin(local_invocation_index) local_index: u32,\n");
      out.append("  @builtin(workgroup_id) group_id: vec3<u32>,\n");
      out.append("  @builtin(num_workgroups) groups: vec3<u32>,\n) {\n");
      out.append(body).append("}\n");
      if (workgroupBytes > GpuSchedules.WORKGROUP_BYTES) {
        throw new ShaderException(
            title + " needs " + workgroupBytes + " bytes of workgroup memory");
      }
      return new Shader(out.toString(), bindings, words, faults, grid);
    }
  }

  /** Workgroups along x and y for so many, no more than may lie along x. */
  static long[] rows(long count) {
    long x = Math.min(Math.max(1, count), Limits.GROUPS);
    return new long[] {x, (Math.max(1, count) + x - 1) / x, 1};
  }

  /** What every adapter offers, one of the compatibility mode too. */
  static final class Limits {
    /** Workgroups along one dimension. */
    static final long GROUPS = 65535;

    private Limits() {}
  }
}
