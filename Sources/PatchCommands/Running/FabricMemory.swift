import Foundation
import PatchRun
import PoolFile
import PoolModel

/// Which fabric a server served last: a cluster of etcd that was made anew behind the same addresses is empty, and a pool
/// that started on it would have forgotten every user.
struct FabricMemory {
  private let path: String
  private let place: String
  private let server: ServerName
  private let isNeeded: Bool

  init(_ file: PoolFile, _ server: ServerName) {
    self.server = server
    path = file.directory(of: server).path + "/fabric-identity"
    if case .etcd(_, let prefix) = file.fabric {
      (place, isNeeded) = (prefix, true)
    } else {
      // A file that was replaced is another file, and an operator's doing.
      (place, isNeeded) = ("", false)
    }
  }

  /// The next start takes whatever fabric it finds.
  func forget() { try? FileManager.default.removeItem(atPath: path) }

  /// Compares the store's identity with the one of the last start, and remembers it. The cluster's id, in front of the
  /// first dash, may change: a cluster restored from a snapshot has a new one.
  func check(_ identity: String) throws(CommandFailure) {
    guard isNeeded, let dash = identity.firstIndex(of: "-") else { return }
    let line = "\(place) \(identity[identity.index(after: dash)...])\n"
    if let data = FileManager.default.contents(atPath: path) {
      let known = String(decoding: data.prefix(1_024), as: UTF8.self)
      if known == line { return }
      guard !known.hasPrefix("\(place) ") else {
        throw CommandFailure(
          .badFile,
          "server \(server): the fabric under \(place) is not the one that it served before: was the cluster made anew? "
            + "Restore the fabric (docs/operating/etcd.md), or remove \(path) if the new one is meant"
        )
      }
    }
    do {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent,
        withIntermediateDirectories: true
      )
      try Data(line.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw CommandFailure(
        .unreachable,
        "server \(server): \(path) cannot be written: \(error.localizedDescription)"
      )
    }
  }
}
