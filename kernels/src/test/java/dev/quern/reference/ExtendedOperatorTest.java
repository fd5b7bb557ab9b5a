package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quern.graph.Operators;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.reference.OperatorTest.Case;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Operators that ONNX's own cases of version 1.12 do not have, against ONNX Runtime. */
class ExtendedOperatorTest {
  private static final List<Case> CASES = new ArrayList<>();

  private static void add(
      String title, int opset, String op, List<Object> inputs, Object... attributes) {
    CASES.add(new Case(title, opset, op, inputs, attributes, 1, 1e-5));
  }

  private static Tensor f32(long... dims) {
    return Tensors.random(Arrays.hashCode(dims) + CASES.size(), DataType.FLOAT, dims);
  }

  private static Tensor i32(long... dims) {
    return Tensors.random(CASES.size() + dims.length, DataType.INT32, dims);
  }

  private static TensorProto ints(long... values) {
    return ModelBuilder.tensor(values, values.length);
  }

  static {
    functions();
    norms();
    images();
  }

  private static void functions() {
    add("plain", 18, "Mish", List.of(f32(3, 7)));
    for (String op : List.of("BitwiseAnd", "BitwiseOr", "BitwiseXor")) {
      add("broadcast", 18, op, List.of(i32(3, 1), i32(4)));
    }
    add("plain", 18, "BitwiseNot", List.of(i32(3, 4)));
    add("grows", 18, "CenterCropPad", List.of(f32(3, 8), ints(6, 5)));
    add("axes", 18, "CenterCropPad", List.of(f32(2, 3, 9), ints(4, 4)), "axes", new long[] {1, 2});
  }

  private static void norms() {
    add("p 1", 13, "LpNormalization", List.of(f32(3, 4, 5)), "axis", 1L, "p", 1L);
    add("p 2", 13, "LpNormalization", List.of(f32(3, 4, 5)));
    add("p 2", 13, "GlobalLpPool", List.of(f32(2, 3, 4, 5)));
    add("p 3", 13, "GlobalLpPool", List.of(f32(2, 3, 4)), "p", 3L);
    add(
        "channels",
        21,
        "GroupNormalization",
        List.of(f32(2, 6, 3, 4), f32(6), f32(6)),
        "num_groups",
        3L);
    add("last axis", 23, "RMSNormalization", List.of(f32(2, 3, 8), f32(8)));
    add("two axes", 23, "RMSNormalization", List.of(f32(2, 3, 8), f32(3, 8)), "axis", 1L);
  }

  private static void images() {
    add(
        "padded",
        18,
        "LpPool",
        List.of(f32(1, 2, 7, 6)),
        "kernel_shape",
        new long[] {3, 2},
        "pads",
        new long[] {1, 0, 1, 1},
        "strides",
        new long[] {2, 1});
    add(
        "dilated",
        18,
        "Col2Im",
        List.of(f32(2, 8, 9), ints(5, 5), ints(2, 2)),
        "dilations",
        new long[] {2, 2});
  }

  static Stream<Case> cases() {
    return CASES.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void agreesWithOnnxRuntime(Case test) {
    OperatorTest.check(test);
  }

  /** Operators that ONNX Runtime does not have yet: checked below by what they are made of. */
  private static final Set<String> NEWER = Set.of("Swish");

  /** Operators that no two engines agree on: RandomTest tells of them. */
  private static final Set<String> DRAWN =
      Set.of("RandomNormal", "RandomNormalLike", "RandomUniform");

  @Test
  void everyOperatorOfTheTableIsTested() throws IOException {
    Set<String> names = new TreeSet<>(Operators.all().names());
    names.removeAll(OperatorTest.tested());
    CASES.forEach(c -> names.remove(c.op()));
    ContribOperatorTest.cases().forEach(c -> names.remove(c.op()));
    Set<String> ofCases = NodeCasesTest.operators();
    names.removeAll(ofCases);
    names.removeAll(NEWER);
    names.removeAll(DRAWN);
    if (!ofCases.isEmpty()) {
      assertThat(names).isEmpty();
    }
  }
}
