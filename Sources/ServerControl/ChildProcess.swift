import Glibc

/// Starts a process by `posix_spawn`, with what a supervisor needs and swift-subprocess does not give: a session of its
/// own, and descriptors that outlive the call.
struct ChildProcess {
  /// Absolute path of the program.
  var program: String
  /// Its arguments, without the program's name.
  var arguments: [String]
  /// What its standard input is; `nil` for `/dev/null`.
  var standardInput: Int32?
  /// The file that its output and errors are appended to.
  var log: String
  /// A descriptor it gets as its descriptor 3.
  var inherited: Int32?
  /// Whether it gets a session of its own, else only a process group.
  var newSession: Bool

  /// glibc's POSIX_SPAWN_SETSID, which its header hides without _GNU_SOURCE.
  private static let setSession: Int16 = 0x80

  /// Starts it; it leads its own process group. Its signals are all unblocked and at their defaults.
  func spawn() throws(ServerControlError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    if let standardInput {
      posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited, 3) }

    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    let group = newSession ? Self.setSession : Int16(POSIX_SPAWN_SETPGROUP)
    posix_spawnattr_setflags(
      &attributes,
      group | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
    )

    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    words.append(nil)
    defer { words.forEach { free($0) } }
    var process: pid_t = 0
    let result = posix_spawn(&process, program, &actions, &attributes, words, environ)
    guard result == 0 else { throw .system("cannot start \(program)", result) }
    return process
  }
}
