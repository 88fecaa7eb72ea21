import Foundation
import PoolModel
import Synchronization

/// A run's log file: what its commands printed. Trouble with it never stops a run.
final class RunLog: Sendable {
  private let handle: Mutex<FileHandle?>
  /// Most bytes that are written: a command that prints without end does not fill the disk.
  private let left = Mutex(64 * 1_024 * 1_024)
  /// Where it is; `nil` when there is none.
  let path: String?

  init(directory: String?, run: String) {
    guard let directory else {
      path = nil
      handle = Mutex(nil)
      return
    }
    let path = "\(directory)/\(run).log"
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    }
    let file = FileHandle(forWritingAtPath: path)
    _ = try? file?.seekToEnd()
    self.path = file == nil ? nil : path
    handle = Mutex(file)
  }

  func write(_ line: String) {
    let data = Data((line + "\n").utf8)
    let fits = left.withLock { left in
      left -= data.count
      return left > 0
    }
    guard fits else { return }
    handle.withLock { try? $0?.write(contentsOf: data) }
  }
}
