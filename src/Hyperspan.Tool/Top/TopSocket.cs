namespace Hyperspan.Tool.Top;

/// <summary>A socket, and what was done on it.</summary>
/// <param name="Name">Its path; empty for one that was handed over.</param>
/// <param name="IsConnected">Whether a front end is there.</param>
/// <param name="Requests">Requests per second.</param>
/// <param name="Notifications">Interrupts of the guest per second.</param>
/// <param name="Errors">Errors since it is served.</param>
internal sealed record TopSocket(string Name, bool IsConnected, double Requests, double Notifications, double Errors);
