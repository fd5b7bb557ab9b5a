package dev.quern.bridge;

import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Shape;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.Kernels;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxReader;
import dev.quern.runtime.Control;
import dev.quern.runtime.Walker;
import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import dev.quern.tuner.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.teavm.jso.JSExport;

/**
 * A transcript of what the shared code computes. It is taken on the JVM and from TeaVM's two
 * targets, and must be the same: what a test on the JVM shows then holds in the browser.
 */
public final class SelfCheck {
  private static final Features FEATURES = new Features(true, true);

  private SelfCheck() {}

  /** TeaVM wants an entry; the export is what is called. */
  public static void main(String[] args) {}

  /** The transcript, one line a subject. */
  @JSExport
  public static String transcript() {
    StringBuilder out = new StringBuilder();
    dims(out);
    records(out);
    numbers(out);
    collections(out);
    schedules(out);
    emitted(out);
    hostile(out);
    return out.toString();
  }

  private static void dims(StringBuilder out) {
    Dim batch = Dim.symbol("batch");
    Dim seq = Dim.symbol("seq");
    Dim sum = batch.times(seq).plus(Dim.of(3)).times(batch.minus(Dim.of(1)));
    out.append("dims ").append(sum).append(" | ").append(sum.dividedBy(Dim.of(2)));
    out.append(" | ").append(seq.min(Dim.of(512)).max(batch));
    out.append(" | ").append(sum.evaluate(Map.of("batch", 7L, "seq", 1L << 33)));
    out.append(" | ")
        .append(sum.equals(batch.minus(Dim.ONE).times(seq.times(batch).plus(Dim.of(3)))));
    out.append(" | ").append(Shape.of(1, 2, 3)).append('\n');
  }

  private static void records(StringBuilder out) {
    Schedule a = Schedule.parse("mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n");
    Schedule b = new Schedule(6, 8, 48, 128, 384, 2, true, Schedule.Order.N);
    out.append("records ").append(a.equals(b)).append(a.hashCode() == b.hashCode());
    out.append(' ').append(a.text()).append(' ').append(FEATURES).append('\n');
  }

  private static void numbers(StringBuilder out) {
    out.append("numbers ").append(Integer.MAX_VALUE + 1).append(' ').append(-7 / 2).append(' ');
    out.append(-7 % 3).append(' ').append(Math.floorMod(-7, 3)).append(' ').append(1L << 33);
    out.append(' ').append(-1 >>> 28).append(' ').append((byte) 200).append(' ').append((int) 'é');
    long big = 0x123456789abcdefL;
    out.append(' ').append(big * 31).append(' ').append(big >>> 7).append(' ').append((int) big);
    out.append(' ').append(Float.floatToRawIntBits(0.1f + 0.2f)).append(' ');
    out.append(Double.doubleToRawLongBits(Math.sqrt(2) / 3)).append(' ').append((int) Float.NaN);
    out.append(' ').append((long) 1e30).append(' ').append((int) -2.9f);
    try {
      out.append(Math.multiplyExact(1L << 40, 1L << 40));
    } catch (ArithmeticException e) {
      out.append(" overflow");
    }
    out.append('\n');
  }

  private static void collections(StringBuilder out) {
    Map<String, Object> linked = new LinkedHashMap<>();
    linked.put("zeta", 1);
    linked.put("alpha", List.of("a\"b", 1.5, true));
    linked.put("tiny", 1.25e-7);
    linked.put("huge", 6.02e23);
    String json = Json.write(linked);
    out.append("collections ").append(json).append(' ').append(Json.write(Json.read(json)));
    out.append(' ').append(new TreeMap<>(linked).firstKey());
    List<String> names = new ArrayList<>(List.of("b", "a", "ä", "B"));
    names.sort(String::compareTo);
    out.append(' ').append(names).append('\n');
  }

  private static void schedules(StringBuilder out) {
    out.append("schedules");
    for (RowBucket bucket : RowBucket.values()) {
      Schedule schedule = Heuristic.schedule(384, 1536, bucket, FEATURES, 15, 512 << 10, 2);
      out.append(' ').append(bucket.label()).append(": ").append(schedule.text());
    }
    try {
      out.append(Schedule.parse("mr=6 nr=x"));
    } catch (IllegalArgumentException e) {
      out.append(' ').append(e.getMessage());
    }
    out.append('\n');
  }

  /** Modules must be the same byte for byte. */
  private static void emitted(StringBuilder out) {
    ElementwiseProgram gelu =
        new ElementwiseProgram(
            List.of(DataType.FLOAT, DataType.FLOAT),
            List.of(
                instruction(ElementwiseOp.ADD, 0, 0, 1),
                instruction(ElementwiseOp.CONSTANT, 1.4142135381698608),
                instruction(ElementwiseOp.DIV, 0, 2, 3),
                instruction(ElementwiseOp.ERF, 0, 4),
                instruction(ElementwiseOp.MUL, 0, 2, 5)));
    KernelSpec spec =
        new KernelSpec.Matmul(
            384,
            1536,
            KernelSpec.Layout.PANELS,
            WeightFormat.F32,
            gelu,
            List.of(KernelSpec.Extra.VECTOR));
    Schedule schedule =
        Heuristic.schedule(384, 1536, RowBucket.HUNDRED, FEATURES, 15, 512 << 10, 2);
    byte[] module =
        Kernels.module(List.of(new Kernels.Placed(spec, schedule, 1)), FEATURES, Control.TABLE_SIZE)
            .encode();
    byte[] walker = Walker.module(true).encode();
    out.append("emitted ").append(spec.signature()).append(' ').append(hash(module));
    out.append(' ').append(hash(walker)).append('\n');
  }

  private static ElementwiseProgram.Instruction instruction(
      ElementwiseOp op, double number, Integer... operands) {
    return new ElementwiseProgram.Instruction(op, DataType.FLOAT, List.of(operands), number);
  }

  private static String hash(byte[] bytes) {
    long hash = 0xcbf29ce484222325L;
    for (byte b : bytes) {
      hash = (hash ^ (b & 255)) * 0x100000001b3L;
    }
    return bytes.length + ":" + hash;
  }

  private static void hostile(StringBuilder out) {
    byte[] nonsense = {0x3a, 0x7f, 1, 2, 3, (byte) 0xff, (byte) 0xff};
    try {
      out.append(OnnxReader.read(Bytes.of(nonsense)));
    } catch (ModelException e) {
      out.append("hostile ").append(e.getMessage()).append('\n');
    }
  }
}
