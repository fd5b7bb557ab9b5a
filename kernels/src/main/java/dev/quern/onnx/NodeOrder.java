package dev.quern.onnx;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The order of a graph's nodes. ONNX wants it to be topological, but some tools append nodes whose
 * results are used before, and other engines take such files.
 */
final class NodeOrder {
  private final List<OnnxNode> nodes;
  private final Map<String, Integer> producers = new HashMap<>();

  private NodeOrder(List<OnnxNode> nodes) {
    this.nodes = nodes;
    for (int i = 0; i < nodes.size(); i++) {
      for (String output : nodes.get(i).outputs()) {
        producers.putIfAbsent(output, i);
      }
    }
    producers.remove("");
  }

  /**
   * The nodes in their order, but each behind those whose results it or its bodies use. Where that
   * cannot be, because they use each other's, they stay as they are.
   */
  static List<OnnxNode> topological(List<OnnxNode> nodes) {
    NodeOrder order = new NodeOrder(nodes);
    return order.isTopological() ? nodes : order.sorted();
  }

  private boolean isTopological() {
    for (int i = 0; i < nodes.size(); i++) {
      for (int producer : needed(i)) {
        if (producer >= i) {
          return false;
        }
      }
    }
    return true;
  }

  /** The nodes whose results a node uses. */
  private List<Integer> needed(int index) {
    List<Integer> list = new ArrayList<>();
    collect(nodes.get(index), Set.of(), list);
    return list;
  }

  /**
   * @param own values that bodies around the node define, which hide those of this graph
   */
  private void collect(OnnxNode node, Set<String> own, List<Integer> into) {
    for (String input : node.inputs()) {
      Integer producer = own.contains(input) ? null : producers.get(input);
      if (producer != null) {
        into.add(producer);
      }
    }
    for (OnnxAttribute attribute : node.attributes().values()) {
      if (attribute instanceof OnnxAttribute.Body(OnnxGraph body)) {
        Set<String> inner = new HashSet<>(own);
        body.inputs().forEach(value -> inner.add(value.name()));
        body.initializers().forEach(tensor -> inner.add(tensor.name()));
        body.nodes().forEach(each -> inner.addAll(each.outputs()));
        body.nodes().forEach(each -> collect(each, inner, into));
        for (OnnxValue output : body.outputs()) {
          Integer producer = inner.contains(output.name()) ? null : producers.get(output.name());
          if (producer != null) {
            into.add(producer);
          }
        }
      }
    }
  }

  /** Depth first, without recursion: chains of nodes are as long as files are. */
  private List<OnnxNode> sorted() {
    List<OnnxNode> result = new ArrayList<>(nodes.size());
    boolean[] begun = new boolean[nodes.size()];
    boolean[] done = new boolean[nodes.size()];
    for (int root = 0; root < nodes.size(); root++) {
      Deque<Integer> open = new ArrayDeque<>(List.of(root));
      while (!open.isEmpty()) {
        int at = open.peek();
        if (done[at]) {
          open.pop();
        } else if (begun[at]) {
          open.pop();
          done[at] = true;
          result.add(nodes.get(at));
        } else {
          begun[at] = true;
          for (int producer : needed(at).reversed()) {
            if (begun[producer] && !done[producer]) {
              return nodes;
            }
            open.push(producer);
          }
        }
      }
    }
    return result;
  }
}
