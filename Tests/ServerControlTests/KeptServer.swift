import Foundation
import PoolFile
import PoolModel
import ServerControl

/// A pool of one server in a temporary directory, whose program is a shell script.
struct KeptServer {
  static let name = ServerName("fe1")

  let root: String
  let file: PoolFile
  let control: SupervisedServerControl

  var directory: ServerDirectory { file.directory(of: Self.name) }

  /// Ends at SIGTERM and at the end of its standard input, and writes down how.
  static let wellBehaved = """
    #!/bin/sh
    echo "$*" >> "$PWD/starts"
    trap 'echo term >> "$PWD/ends"; kill $child; exit 0' TERM
    exec 4<&0
    cat <&4 >/dev/null &
    child=$!
    wait $child
    echo eof >> "$PWD/ends"
    """

  /// Ends at nothing but SIGKILL.
  static let stubborn = """
    #!/bin/sh
    trap '' TERM
    echo up >> "$PWD/starts"
    while true; do sleep 1; done
    """

  init(script: String, stopBound: Duration = .seconds(5)) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("kept-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    root = directory.path
    let text = """
      pool: kept
      domain: example.com
      fabric: sqlite:fabric.db
      servers: [{name: fe1, sip: "127.0.0.1:21001", peer: "127.0.0.1:21002", http: "127.0.0.1:21003"}]
      """
    try text.write(toFile: "\(root)/pool.yaml", atomically: true, encoding: .utf8)
    file = try PoolFile.load("\(root)/pool.yaml")
    control = try SupervisedServerControl(file, program: Self.quorate, stopBound: stopBound)
    let release = file.directory(of: Self.name).release("1")
    try FileManager.default.createDirectory(atPath: release, withIntermediateDirectories: true)
    try script.write(toFile: "\(release)/quorate", atomically: true, encoding: .utf8)
    chmod("\(release)/quorate", 0o755)
    try ReleaseInstaller(file.directory(of: Self.name)).makeCurrent("1")
  }

  /// The program beside this test's own.
  static var quorate: String {
    let own = (try? ReleaseInstaller.runningProgram()) ?? ""
    return (own as NSString).deletingLastPathComponent + "/quorate"
  }

  /// The lines of a file that the script writes.
  func lines(_ name: String) -> [String] {
    let text = (try? String(contentsOfFile: "\(directory.path)/\(name)", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  /// Waits until something holds; whether it did in time.
  func eventually(_ seconds: Double = 10, _ condition: () -> Bool) async -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return condition()
  }

  /// Stops what runs and removes the directory.
  func remove() async {
    try? await control.stop(Self.name, act: nil, deadline: .now + .seconds(5))
    try? FileManager.default.removeItem(atPath: root)
  }
}
