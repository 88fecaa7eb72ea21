import FabricStore
import Glibc

/// Refuses file systems on which SQLite's locks and shared memory do not hold between machines or processes.
enum FileSystemFitness {
  /// Types as the kernel names them in /proc/self/mountinfo (proc(5)); FUSE's carry the program's name.
  private static let networked: Set<String> = [
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "v9fs", "virtiofs", "afs", "coda", "ceph",
    "lustre",
    "gfs2", "ocfs2", "glusterfs", "beegfs", "orangefs", "pvfs2", "davfs", "ncpfs", "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone", "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs",
    "fuse.gcsfuse", "fuse.juicefs", "fuse.moosefs", "fuse.mfs", "fuse.lizardfs", "fuse.smbnetfs",
    "fuse.vmhgfs-fuse",
    "vboxsf", "vmhgfs", "prl_fs",
  ]

  /// Throws `.unsuitable` when the file's directory lies on a network file system.
  static func check(path: String) throws(FabricStoreError) {
    guard let table = try? String(readingSystemFile: "/proc/self/mountinfo") else { return }
    guard let type = type(of: directory(of: path), mounts: table) else { return }
    try check(path: path, type: type)
  }

  static func check(path: String, type: String) throws(FabricStoreError) {
    guard networked.contains(type) else { return }
    throw FabricStoreError(
      .unsuitable,
      "\(path): lies on a network file system (\(type)), where file locks cannot be trusted; put the fabric on a "
        + "local disk, or on etcd when the pool has several machines"
    )
  }

  /// The type of the file system that a directory lies on: that of the mount with the longest matching path; of two at
  /// the same place the later one hides the earlier.
  static func type(of directory: String, mounts table: String) -> String? {
    var best: (length: Int, type: String)?
    for line in table.split(whereSeparator: \.isNewline) {
      let fields = line.split(separator: " ")
      guard fields.count > 5, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
      let point = unescape(fields[4])
      let isAbove = point == "/" || directory == point || directory.hasPrefix(point + "/")
      guard isAbove, point.utf8.count >= (best?.length ?? 0) else { continue }
      best = (point.utf8.count, String(fields[dash + 1]))
    }
    return best?.type
  }

  /// The directory of a file without links and dots.
  static func directory(of path: String) -> String {
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    guard let resolved = realpath(parent.isEmpty ? "/" : parent, nil) else { return parent }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Blanks and backslashes in mount points are written as `\040` and `\134`.
  private static func unescape(_ field: Substring) -> String {
    guard field.contains("\\") else { return String(field) }
    return String(
      field.replacing("\\040", with: " ").replacing("\\011", with: "\t").replacing("\\134", with: "\\")
    )
  }
}
