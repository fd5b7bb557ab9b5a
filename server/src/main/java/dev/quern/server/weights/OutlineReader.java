package dev.quern.server.weights;

import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.server.http.Content;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Takes everything out of an ONNX file but the elements of its large tensors. A client that has
 * this much can plan the model and make its kernels while the rest is on its way.
 */
final class OutlineReader {
  /** Bytes from which on a tensor is left out; smaller ones may be needed to know shapes. */
  private static final int LARGE = 64 << 10;

  /** An outline that is no smaller than this part of the file is not worth a request. */
  private static final double WORTH = 0.5;

  /** Other files that hold tensors: how long they are does not matter here. */
  private static final Content ELSEWHERE =
      new Content() {
        @Override
        public long length() {
          return Long.MAX_VALUE;
        }

        @Override
        public void write(long from, long count, OutputStream target) throws IOException {
          throw new IOException("an outline is made of the model's own file");
        }
      };

  private OutlineReader() {}

  /**
   * What is in an outline.
   *
   * @param pieces positions and lengths in the file, in order
   */
  record Outline(byte[] bytes, List<List<Long>> pieces) {}

  private record Gap(long from, long to) {}

  /** The outline of a file; empty if it is no ONNX model or holds nothing large. */
  static Optional<Outline> read(Content file) throws IOException {
    OnnxModel model;
    try {
      model = OnnxReader.read(ContentBytes.of(file), location -> ContentBytes.of(ELSEWHERE));
    } catch (ModelException e) {
      return Optional.empty();
    }
    List<Gap> gaps = new ArrayList<>();
    collect(model.graph(), file, gaps);
    gaps.sort(Comparator.comparingLong(Gap::from));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    List<List<Long>> pieces = new ArrayList<>();
    long at = 0;
    gaps.add(new Gap(file.length(), file.length()));
    for (Gap gap : gaps) {
      if (gap.from() > at) {
        if (bytes.size() + gap.from() - at > WORTH * file.length()) {
          return Optional.empty();
        }
        file.write(at, gap.from() - at, bytes);
        pieces.add(List.of(at, gap.from() - at));
      }
      at = Math.max(at, gap.to());
    }
    return Optional.of(new Outline(bytes.toByteArray(), pieces));
  }

  private static void collect(OnnxGraph graph, Content file, List<Gap> gaps) {
    graph.initializers().forEach(tensor -> add(tensor, file, gaps));
    for (OnnxNode node : graph.nodes()) {
      for (OnnxAttribute attribute : node.attributes().values()) {
        if (attribute instanceof OnnxAttribute.Tensor(OnnxTensor tensor)) {
          add(tensor, file, gaps);
        } else if (attribute instanceof OnnxAttribute.Body(OnnxGraph body)) {
          collect(body, file, gaps);
        }
      }
    }
  }

  private static void add(OnnxTensor tensor, Content file, List<Gap> gaps) {
    if (tensor.data() instanceof ContentBytes data
        && data.content() == file
        && data.size() >= LARGE) {
      gaps.add(new Gap(data.position(), data.position() + data.size()));
    }
  }
}
