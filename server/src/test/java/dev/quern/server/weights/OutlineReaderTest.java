package dev.quern.server.weights;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.server.http.Content;
import java.io.InputStream;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OutlineReaderTest {
  private static byte[] miniLm() throws Exception {
    try (InputStream in = ModelImport.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
      return in.readAllBytes();
    }
  }

  @Test
  void holdsAllOfAModelButItsLargeTensors() throws Exception {
    byte[] file = miniLm();
    OutlineReader.Outline outline = OutlineReader.read(Content.of(file)).orElseThrow();
    assertThat(outline.bytes().length).isLessThan(400_000);

    byte[] holey = new byte[file.length];
    int from = 0;
    long end = 0;
    for (List<Long> piece : outline.pieces()) {
      assertThat(piece.get(0)).isGreaterThanOrEqualTo(end);
      end = piece.get(0) + piece.get(1);
      int length = piece.get(1).intValue();
      System.arraycopy(outline.bytes(), from, holey, piece.get(0).intValue(), length);
      from += length;
    }
    assertThat(from).isEqualTo(outline.bytes().length);
    OnnxModel whole = OnnxReader.read(dev.quern.onnx.Bytes.of(file));
    OnnxModel read = OnnxReader.read(dev.quern.onnx.Bytes.of(holey));
    assertThat(read.graph().nodes()).hasSameSizeAs(whole.graph().nodes());
    assertThat(read.opsets()).isEqualTo(whole.opsets());
    for (int i = 0; i < whole.graph().initializers().size(); i++) {
      var expected = whole.graph().initializers().get(i);
      var found = read.graph().initializers().get(i);
      assertThat(found.name()).isEqualTo(expected.name());
      assertThat(found.dims()).isEqualTo(expected.dims());
      boolean large = expected.data().size() >= 64 << 10;
      assertThat(isZero(found.data().toArray()) && !isZero(expected.data().toArray()))
          .isEqualTo(large);
    }
  }

  private static boolean isZero(byte[] bytes) {
    for (byte each : bytes) {
      if (each != 0) {
        return false;
      }
    }
    return true;
  }

  @Test
  void whatIsNoModelHasNone() throws Exception {
    byte[] noise = new byte[200_000];
    new Random(1).nextBytes(noise);
    assertThat(OutlineReader.read(Content.of(noise))).isEmpty();
  }
}
