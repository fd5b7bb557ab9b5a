package dev.quern.e2e.models;

import dev.quern.e2e.bench.Inputs;
import dev.quern.server.models.ModelFileException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Files that were made once, in a folder. A file's name holds a digest of what it is made by and
 * from, so that an older file is never taken; it is deleted.
 */
final class ModelCache {
  /** Makes one file. */
  interface Maker {
    /** The bytes of the file. */
    byte[] make() throws IOException;
  }

  private static final int DIGITS = 12;

  private final Path folder;
  private final String version;

  ModelCache(Path folder, String version) {
    this.folder = folder;
    this.version = version;
  }

  /**
   * A cache whose version is the digest of the classes of this package, which are the makers, of
   * those that give random weights, and of a file that pins the packages of weights.
   */
  static ModelCache ofThisPackage(Path folder, Path lock) {
    try {
      Path source =
          Path.of(ModelCache.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (Files.isDirectory(source)) {
        return new ModelCache(folder, digest(source, lock));
      }
      try (FileSystem jar = FileSystems.newFileSystem(source)) {
        return new ModelCache(folder, digest(jar.getPath("/"), lock));
      }
    } catch (Exception e) {
      throw new ModelFileException("the classes that make model files cannot be read: " + e, e);
    }
  }

  private static String digest(Path root, Path lock) throws IOException, NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(Files.readAllBytes(lock));
    digest.update(Files.readAllBytes(root.resolve(path(Inputs.class.getName()) + ".class")));
    Path own = root.resolve(path(ModelCache.class.getPackageName()));
    try (Stream<Path> files = Files.walk(own)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        digest.update(Files.readAllBytes(file));
      }
    }
    return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
  }

  private static String path(String name) {
    return name.replace('.', '/');
  }

  /**
   * The file of that name, made now unless this version of it is there.
   *
   * @param name without the ending
   * @param ending such as {@code onnx}
   */
  Path file(String name, String ending, Maker maker) {
    Path file = folder.resolve(name + "-" + version + "." + ending);
    if (Files.exists(file)) {
      return file;
    }
    try {
      Files.createDirectories(folder);
      // The lock is held against other processes, the monitor against other threads of this one.
      synchronized (ModelCache.class) {
        try (FileChannel channel =
                FileChannel.open(
                    folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = channel.lock()) {
          if (lock.isValid() && !Files.exists(file)) {
            Path scratch = folder.resolve(name + ".part");
            Files.write(scratch, maker.make());
            removeOlder(name, ending);
            Files.move(scratch, file, StandardCopyOption.ATOMIC_MOVE);
          }
        }
      }
      return file;
    } catch (IOException e) {
      throw new ModelFileException(
          "the model " + name + " cannot be written: " + e.getMessage(), e);
    }
  }

  private void removeOlder(String name, String ending) throws IOException {
    String pattern = Pattern.quote(name) + "-[0-9a-f]{" + DIGITS + "}\\." + ending;
    List<Path> older;
    try (Stream<Path> files = Files.list(folder)) {
      older = files.filter(file -> file.getFileName().toString().matches(pattern)).toList();
    }
    for (Path file : older) {
      Files.deleteIfExists(file);
    }
  }
}
