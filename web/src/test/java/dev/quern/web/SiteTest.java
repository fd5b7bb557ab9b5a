package dev.quern.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the build made: complete, small, and fit for a strict Content-Security-Policy. */
class SiteTest {
  private static final Path SITE = Path.of("target/classes/quern-web");
  private static final Pattern REFERENCE =
      Pattern.compile("(?:src|href)=\"(?!https?:|[#?])([^\"?]+)");

  @Test
  void everyEntryIsThere() {
    for (Bundle.Entry entry : Bundle.ENTRIES) {
      String ending = entry.source().endsWith(".css") ? ".css" : ".js";
      assertThat(SITE.resolve(entry.output() + ending)).isNotEmptyFile();
    }
    assertThat(SITE.resolve("quern.d.ts")).isNotEmptyFile();
    assertThat(SITE.resolve("element.d.ts")).isNotEmptyFile();
    assertThat(SITE.resolve("quern-tokenizer.LICENSE.txt")).isNotEmptyFile();
  }

  @Test
  void pagesNeedNothingButTheirOwnServer() throws IOException {
    for (Path page : files(".html")) {
      String html = Files.readString(page);
      assertThat(html).as(page.toString()).doesNotContain("<style").doesNotContain(" style=");
      assertThat(html).doesNotContainPattern("\\son[a-z]+=");
      assertThat(html).doesNotContainPattern("<script(?![^>]*\\ssrc=)");
      Matcher references = REFERENCE.matcher(html);
      int found = 0;
      while (references.find()) {
        Path target = page.getParent().resolve(references.group(1)).normalize();
        assertThat(Files.isDirectory(target) ? target.resolve("index.html") : target)
            .as("%s refers to %s", page, references.group(1))
            .exists();
        found++;
      }
      assertThat(found).isGreaterThan(2);
    }
  }

  @Test
  void scriptsRunUnderAStrictPolicy() throws IOException {
    for (Path script : files(".js")) {
      assertThat(Files.readString(script))
          .as(script.toString())
          .doesNotContainPattern("\\beval\\(|new Function\\(|importScripts")
          .doesNotContainPattern("(?:from|import\\()\\s*[\"']https?:")
          .doesNotContain("innerHTML");
      if (!script.endsWith("listen.js")) { // plays the visitor's own sound, which media-src allows
        assertThat(script).content().doesNotContain("createObjectURL");
      }
    }
  }

  @Test
  void aPageWithoutTextLoadsNoTokenizer() throws IOException {
    String sdk = Files.readString(SITE.resolve("quern.js"));
    assertThat(sdk).contains("import(\"./quern-tokenizer.js\")").doesNotContain("WordPiece");
    assertThat(Files.size(SITE.resolve("quern.js"))).isLessThan(40_000);
    assertThat(Files.readString(SITE.resolve("element.js"))).doesNotContain("from\"");
  }

  private static List<Path> files(String ending) throws IOException {
    try (Stream<Path> files = Files.walk(SITE)) {
      List<Path> found =
          files
              .filter(f -> f.toString().endsWith(ending) && !f.toString().contains("tokenizer"))
              .sorted()
              .toList();
      assertThat(found).isNotEmpty();
      return found;
    }
  }
}
