package dev.quern.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The WebAssembly Binary Toolkit, if this machine has it: what we print must assemble to the bytes
 * that we encode.
 */
public final class Wabt {
  private static final Map<String, Opcode> MNEMONICS = new HashMap<>();

  /** The release that Debian ships knows these by the proposal's earlier names. */
  private static final Map<String, String> EARLIER =
      Map.of(
          "i16x8.relaxed_dot_i8x16_i7x16_s", "i16x8.dot_i8x16_i7x16_s",
          "i32x4.relaxed_dot_i8x16_i7x16_add_s", "i32x4.dot_i8x16_i7x16_add_s");

  private static final boolean INSTALLED;

  static {
    for (Opcode opcode : Opcode.values()) {
      MNEMONICS.put(opcode.mnemonic(), opcode);
    }
    boolean found = false;
    for (String folder : System.getenv("PATH").split(":", -1)) {
      found |= Files.isExecutable(Path.of(folder, "wat2wasm"));
    }
    INSTALLED = found;
  }

  private Wabt() {}

  /** Does nothing where the toolkit is not installed. */
  public static void assertSameBinary(WasmModule module) {
    if (!INSTALLED) {
      return;
    }
    try {
      Path folder = Files.createTempDirectory("wat");
      Path text = folder.resolve("module.wat");
      Path binary = folder.resolve("module.wasm");
      Path log = folder.resolve("log");
      try {
        Files.writeString(text, forAssembler(module.text()));
        Process process =
            new ProcessBuilder("wat2wasm", "--enable-all", text.toString(), "-o", binary.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
        assertThat(Files.readAllBytes(binary)).as(module.text()).isEqualTo(module.encode());
      } finally {
        Files.deleteIfExists(text);
        Files.deleteIfExists(binary);
        Files.deleteIfExists(log);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Our text leaves out the alignment hint, which is 4 where the access is wider. */
  private static String forAssembler(String text) {
    StringBuilder out = new StringBuilder();
    for (String line : text.split("\n", -1)) {
      String trimmed = line.trim();
      int space = trimmed.indexOf(' ');
      String mnemonic = space < 0 ? trimmed : trimmed.substring(0, space);
      Opcode opcode = MNEMONICS.get(mnemonic);
      String rest = space < 0 ? "" : trimmed.substring(space);
      if (opcode != null && opcode.immediate().bytes() > 4 && !opcode.immediate().atomic()) {
        int lane = rest.lastIndexOf(' ');
        rest =
            opcode.immediate().lane()
                ? rest.substring(0, lane) + " align=4" + rest.substring(lane)
                : rest + " align=4";
      }
      out.append(EARLIER.getOrDefault(mnemonic, mnemonic)).append(rest).append('\n');
    }
    return out.toString();
  }
}
