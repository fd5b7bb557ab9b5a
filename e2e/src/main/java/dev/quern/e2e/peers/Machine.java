package dev.quern.e2e.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** Where and when something was measured. */
final class Machine {
  private Machine() {}

  /** Facts by name, in the order of a sentence about them. */
  static Map<String, String> describe(String browser) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("cpu", cpu());
    facts.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    facts.put("browser", browser);
    facts.put("date", LocalDate.now(java.time.ZoneOffset.UTC).toString());
    return facts;
  }

  private static String cpu() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }
}
