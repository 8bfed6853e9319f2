namespace Hyperspan.Tool.Demo;

/// <summary>Is told how the demonstration goes, on the thread that runs it.</summary>
internal interface IDemoProgress
{
    /// <summary>A step begins.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="total">How many bytes it will move; zero where that is not what it does.</param>
    void Begin(string name, ulong total);

    /// <summary>The step has moved bytes by one request.</summary>
    /// <param name="bytes">How many.</param>
    void Advance(ulong bytes);

    /// <summary>The step has ended.</summary>
    void End();
}
