package dev.quern.server.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.decoder.Decoder;
import dev.quern.server.http.Digests;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileWeightStoreTest {
  @TempDir private Path directory;

  private static byte[] noise(int length) {
    byte[] bytes = new byte[length];
    new Random(7).nextBytes(bytes);
    return bytes;
  }

  @Test
  void everyChunkHasItsDigest() throws IOException {
    byte[] bytes = noise(2 * Manifest.CHUNK_BYTES + 5);
    WeightStore.Stored stored = new FileWeightStore(directory).put(new ByteArrayInputStream(bytes));
    assertThat(stored.sha256()).isEqualTo(Digests.of(bytes));
    assertThat(stored.bytes()).isEqualTo(bytes.length);
    assertThat(stored.chunks())
        .containsExactly(
            Digests.of(Arrays.copyOf(bytes, Manifest.CHUNK_BYTES)),
            Digests.of(Arrays.copyOfRange(bytes, Manifest.CHUNK_BYTES, 2 * Manifest.CHUNK_BYTES)),
            Digests.of(Arrays.copyOfRange(bytes, 2 * Manifest.CHUNK_BYTES, bytes.length)));
  }

  @Test
  void aStreamInSmallPiecesGivesTheSameChunks() throws IOException {
    byte[] bytes = noise(Manifest.CHUNK_BYTES + 17);
    InputStream dripping =
        new ByteArrayInputStream(bytes) {
          @Override
          public synchronized int read(byte[] target, int at, int length) {
            return super.read(target, at, Math.min(length, 1009));
          }
        };
    FileWeightStore store = new FileWeightStore(directory);
    assertThat(store.put(dripping)).isEqualTo(store.put(new ByteArrayInputStream(bytes)));
  }

  @Test
  void aSourceThatBreaksLeavesNothing() throws IOException {
    InputStream broken =
        new ByteArrayInputStream(noise(100_000)) {
          @Override
          public int readNBytes(byte[] target, int at, int length) {
            int count = super.readNBytes(target, at, Math.min(length, 10_000));
            if (count == 0) {
              throw new UncheckedIOException(new IOException("the cable is out"));
            }
            return count;
          }
        };
    FileWeightStore store = new FileWeightStore(directory);
    assertThatThrownBy(() -> store.put(broken)).hasMessageContaining("the cable is out");
    try (var files = Files.list(directory.resolve("blobs"))) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void onlyWhatShrinksIsKeptInBrotli() throws IOException {
    FileWeightStore store = new FileWeightStore(directory);
    byte[] text = "token ".repeat(10_000).getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    String dense = store.put(new ByteArrayInputStream(noise(50_000))).sha256();
    String loose = store.put(new ByteArrayInputStream(text)).sha256();
    assertThat(store.find(dense).orElseThrow().brotli()).isEmpty();
    var variant = store.find(loose).orElseThrow().brotli().orElseThrow();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    variant.write(0, variant.length(), out);
    Brotli4jLoader.ensureAvailability();
    assertThat(Decoder.decompress(out.toByteArray()).getDecompressedData()).isEqualTo(text);
  }

  @Test
  void whatIsNoDigestIsNotFound() throws IOException {
    FileWeightStore store = new FileWeightStore(directory);
    assertThat(store.find("../models/x.json")).isEmpty();
    assertThat(store.find("0".repeat(64))).isEmpty();
    assertThat(store.manifest("../../etc/passwd")).isEmpty();
  }

  @Test
  void aDirectoryIsImportedWithItsRoles() throws IOException {
    Path source = Files.createDirectories(directory.resolve("source"));
    Files.write(source.resolve("model.onnx"), noise(100));
    Files.write(source.resolve("model.onnx_data"), noise(200));
    Files.writeString(source.resolve("tokenizer.json"), "{}");
    Files.writeString(source.resolve("config.json"), "{}");
    Files.writeString(source.resolve("README.md"), "prose");
    FileWeightStore store = new FileWeightStore(directory.resolve("store"));
    var description = new ModelImport.Description("tiny", "tensors", "MIT", null);
    Manifest manifest = new ModelImport(store).files(description, source);
    assertThat(manifest.files())
        .extracting(file -> file.role() + " " + file.path())
        .containsExactly(
            "model model.onnx",
            "data model.onnx_data",
            "tokenizer tokenizer.json",
            "config config.json");
    assertThat(store.manifest("tiny")).contains(manifest);
    assertThat(store.manifests()).containsExactly(manifest);
  }

  @Test
  void whatIsNoModelIsRefusedByName() throws IOException {
    Path source = Files.createDirectories(directory.resolve("source"));
    ModelImport models = new ModelImport(new FileWeightStore(directory.resolve("store")));
    var description = new ModelImport.Description("tiny", "tensors", "MIT", null);
    assertThatThrownBy(() -> models.files(description, source))
        .isInstanceOf(ImportException.class)
        .hasMessageContaining("no file that ends in .onnx");
    Files.write(source.resolve("a.onnx"), noise(1));
    Files.write(source.resolve("b.onnx"), noise(1));
    assertThatThrownBy(() -> models.files(description, source))
        .hasMessageContaining("more than one ONNX file");
    assertThatThrownBy(() -> models.files(description, source.resolve("c.onnx")))
        .hasMessageContaining("there is no file or directory");
    assertThatThrownBy(() -> new ModelImport.Description("../x", "tensors", "MIT", null))
        .hasMessageContaining("cannot be called '../x'");
  }
}
