namespace Hyperspan.Tool.Run;

/// <summary>Where the guest's console leads.</summary>
internal interface IConsoleEndPoint : IDisposable
{
    /// <summary>Gets a value indicating whether what was read last came from somebody who is no longer there. From the thread that reads.</summary>
    bool HasSenderGone => false;

    /// <summary>Takes what the guest has sent. One that nobody looks at may drop it.</summary>
    void Write(ReadOnlySpan<byte> data);

    /// <summary>Waits for what the guest is to be sent; zero when nothing will come any more.</summary>
    int Read(Span<byte> data);
}
