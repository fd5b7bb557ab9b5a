package dev.quern.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The tests of {@code src/test/js}, each under its own name, and the checks of the sources. */
class ScriptTest {
  private static final Pattern LINE =
      Pattern.compile("\\{\"name\":\"(.*?)\",\"failure\":(?:null|\"(.*)\")}");

  @TestFactory
  Stream<DynamicTest> scripts(@TempDir Path folder) throws IOException, InterruptedException {
    Path bundle = folder.resolve("tests.mjs");
    Node.Outcome bundled =
        Node.run(
            Map.of(),
            "node_modules/esbuild/bin/esbuild",
            "src/test/js/main.ts",
            "--bundle",
            "--platform=node",
            "--format=esm",
            "--target=es2022",
            "--sourcemap=inline",
            "--log-level=warning",
            "--outfile=" + bundle);
    assertThat(bundled.status()).as(bundled.output()).isZero();
    Path tokenizer = folder.resolve("tokenizer.json");
    try (InputStream json =
        ScriptTest.class.getResourceAsStream("/all-minilm-l6-v2-tokenizer.json")) {
      Files.copy(json, tokenizer);
    }
    Node.Outcome ran =
        Node.run(
            Map.of("TOKENIZER", tokenizer.toString(), "NODE_OPTIONS", "--enable-source-maps"),
            bundle.toString());
    List<Matcher> lines = ran.output().lines().map(LINE::matcher).filter(Matcher::matches).toList();
    assertThat(ran.status()).as(ran.output()).isZero();
    assertThat(lines).as(ran.output()).hasSizeGreaterThan(50);
    return lines.stream()
        .map(line ->
            DynamicTest.dynamicTest(
                line.group(1),
                () -> {
                  if (line.group(2) != null) {
                    fail(line.group(2).replace("\\n", "\n").replace("\\\"", "\""));
                  }
                }));
  }

  @Test
  void typesAreRightAndTheDeclarationsTellTheTruth() throws IOException, InterruptedException {
    Node.Outcome checked = Node.run(Map.of(), "node_modules/typescript/bin/tsc", "-p", ".");
    assertThat(checked.output()).isEmpty();
    assertThat(checked.status()).isZero();
  }

  @Test
  void sourcesAreFormatted() throws IOException, InterruptedException {
    Node.Outcome checked =
        Node.run(
            Map.of(),
            "node_modules/prettier/bin/prettier.cjs",
            "--check",
            "src/**/*.{ts,js,css,html}",
            "*.json");
    assertThat(checked.status())
        .as("run `npx prettier --write .` in web: %s", checked.output())
        .isZero();
  }
}
