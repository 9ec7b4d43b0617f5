package trilby;

import java.util.Arrays;

/** Prints what the programs found, a line per feature, for the tests to read. */
final class Report {
  interface Feature {
    void run() throws Exception;
  }

  private Report() {}

  static boolean attempt(String feature, Feature body) {
    try {
      body.run();
      say("ok " + feature);
      return true;
    } catch (Exception | AssertionError fault) {
      say("failed " + feature + ": " + fault.toString().replace('\n', ' '));
      return false;
    }
  }

  static void note(String feature) {
    say("ok " + feature);
  }

  static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  static void expect(String what, Object got, Object want) {
    boolean same = got instanceof byte[] bytes ? Arrays.equals(bytes, (byte[]) want) : want.equals(got);
    if (!same) {
      throw new AssertionError(what + " is " + got + ", not " + want);
    }
  }

  /** The call must be refused, with all of these words. */
  static void refused(Feature body, String... words) throws Exception {
    try {
      body.run();
    } catch (Exception fault) {
      for (String word : words) {
        if (!String.valueOf(fault.getMessage()).contains(word)) {
          throw new AssertionError("refused without \"" + word + "\": " + fault.getMessage());
        }
      }
      return;
    }
    throw new AssertionError("it was not refused");
  }
}
