package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.OperatorTest.Case;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * GroupQueryAttention with sequences of several lengths. What lies behind the keys of a shorter one
 * is nobody's: ONNX Runtime puts zeros there.
 */
class GroupedAttentionTest {
  private static final int HEADS = 2;
  private static final int SIZE = 16;
  private static final int TOTAL = 6;

  private static Tensor f32(long... dims) {
    return Tensors.random(Arrays.hashCode(dims), DataType.FLOAT, dims);
  }

  /** Two sequences that get so many new keys, and have so many less one then. */
  private static Case of(int steps, int[] lengths, long window, boolean pairs) {
    int past = TOTAL - steps;
    List<Object> inputs =
        List.of(
            f32(2, steps, 4 * SIZE),
            f32(2, steps, HEADS * SIZE),
            f32(2, steps, HEADS * SIZE),
            f32(2, HEADS, past, SIZE),
            f32(2, HEADS, past, SIZE),
            Tensor.of(lengths, 2),
            ModelBuilder.raw(DataType.INT32, new byte[] {TOTAL, 0, 0, 0}),
            f32(9, SIZE / 2),
            f32(9, SIZE / 2));
    List<Object> attributes = new ArrayList<>(List.of("num_heads", 4L, "kv_num_heads", 2L));
    attributes.addAll(List.of("do_rotary", 1L, "rotary_interleaved", pairs ? 1L : 0L));
    attributes.addAll(List.of("local_window_size", window));
    String op = "com.microsoft.GroupQueryAttention";
    return new Case("", 17, op, inputs, attributes.toArray(), 3, 2e-6);
  }

  private static Graph graph(byte[] model) {
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(model)));
    return Passes.optimise(graph, ReferenceKernels.all());
  }

  @ParameterizedTest
  @CsvSource({
    "1, 5, 5, -1, false",
    "1, 5, 2, -1, false",
    "1, 3, 5, -1, true",
    "1, 0, 5, 2, false",
  })
  void agreesWithOnnxRuntime(int steps, int one, int other, long window, boolean pairs) {
    int[] lengths = {one, other};
    Case test = of(steps, lengths, window, pairs);
    byte[] model = test.model();
    Map<String, Tensor> expected = Ort.run(model, test.feeds());
    Map<String, Tensor> actual = Interpreter.run(graph(model), test.feeds());
    Tensors.assertClose(actual.get("y0"), expected.get("y0"), test.tolerance());
    for (String present : List.of("y1", "y2")) {
      float[] got = actual.get(present).floats();
      float[] wanted = expected.get(present).floats();
      assertThat(got).hasSameSizeAs(wanted);
      for (int i = 0; i < got.length; i++) {
        int row = i / SIZE % TOTAL;
        if (row <= lengths[i / (HEADS * TOTAL * SIZE)]) {
          assertThat(got[i]).as("%s %d", present, i).isEqualTo(wanted[i], Offset.offset(2e-6f));
        }
      }
    }
  }

  /** One new key of none before, or more keys than there is room for. */
  @ParameterizedTest
  @CsvSource({"-1", "6"})
  void lengthsThatDoNotFitAreAnError(int length) {
    Case test = of(1, new int[] {5, length}, -1, false);
    Graph graph = graph(test.model());
    assertThatThrownBy(() -> Interpreter.run(graph, test.feeds())).hasMessageContaining("index");
  }

  @Test
  void noneOfItIsScalar() {
    Graph graph = graph(of(1, new int[] {5, 2}, -1, false).model());
    assertThat(graph.nodes()).noneMatch(node -> node.domain().equals("host"));
    assertThat(graph.nodes()).anyMatch(node -> node.isQuern("Attention"));
  }
}
