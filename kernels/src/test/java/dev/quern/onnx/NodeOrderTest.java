package dev.quern.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NodeOrderTest {
  private static OnnxNode node(String output, String... inputs) {
    return new OnnxNode(output, "", "Op", List.of(inputs), List.of(output), Map.of());
  }

  private static OnnxNode branch(String output, OnnxNode... body) {
    String last = body[body.length - 1].outputs().getFirst();
    OnnxValue result = new OnnxValue(last, DataType.FLOAT, Optional.empty());
    OnnxGraph graph = new OnnxGraph("body", List.of(body), List.of(), List.of(), List.of(result));
    return new OnnxNode(
        output,
        "",
        "If",
        List.of("flag"),
        List.of(output),
        Map.of("then_branch", new OnnxAttribute.Body(graph)));
  }

  private static List<String> order(OnnxNode... nodes) {
    List<String> names = new ArrayList<>();
    NodeOrder.topological(List.of(nodes)).forEach(node -> names.add(node.name()));
    return names;
  }

  @Test
  void whatIsInOrderStays() {
    assertThat(order(node("b", "x"), node("a", "x"), node("c", "a", "b", "")))
        .containsExactly("b", "a", "c");
  }

  @Test
  void whatIsUsedBeforeComesBefore() {
    assertThat(order(node("a", "c"), node("b", "a"), node("c", "d", "x"), node("d", "x")))
        .containsExactly("d", "c", "a", "b");
  }

  @Test
  void bodiesUseValuesAroundThem() {
    // "own" is defined inside and outside: the inner one is meant.
    assertThat(
            order(
                branch("a", node("own", "late"), node("y", "own")),
                node("own", "a"),
                node("late", "x")))
        .containsExactly("late", "a", "own");
  }

  @Test
  void cyclesStayAsTheyAre() {
    assertThat(order(node("c", "d"), node("a", "b"), node("b", "a"), node("d", "x")))
        .containsExactly("c", "a", "b", "d");
    assertThat(order(node("a", "a"), node("b", "x"))).containsExactly("a", "b");
  }

  @Test
  void longChainsTheWrongWayRoundNeedNoStack() {
    OnnxNode[] nodes = new OnnxNode[100_000];
    for (int i = 0; i < nodes.length; i++) {
      nodes[i] = node("n" + i, i + 1 < nodes.length ? "n" + (i + 1) : "x");
    }
    assertThat(order(nodes)).hasSize(nodes.length).startsWith("n99999").endsWith("n0");
  }
}
