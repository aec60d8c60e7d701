// Made by edgevision for the model {{name}} ({{sha256}}).
package {{package}}

import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifier

/** A class with its score{{score_range}}. The name is empty if the model has no labels. */
data class Answer(val index: Int, val name: String, val score: Float)

/** Recognizes {{classes}}. It belongs to one thread. */
class ImageModel(context: Context) : AutoCloseable {
    private val classifier = ImageClassifier.createFromOptions(
        context,
        ImageClassifier.ImageClassifierOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath("{{file}}").build())
            .setRunningMode(RunningMode.IMAGE)
            .setMaxResults({{max_results}})
            //[threshold]
            .setScoreThreshold({{threshold}}f)
            //[end]
            .build()
    )

    /** Returns the classes that an upright image shows, best first{{below_threshold}}. */
    fun answers(image: Bitmap): List<Answer> {
        val input = ModelInput.prepare(image, ModelInput.placement(image.width, image.height))
        val result = classifier.classify(BitmapImageBuilder(input).build())
        return result.classificationResult().classifications().first().categories()
            .map { Answer(it.index(), it.categoryName(), it.score()) }
    }

    override fun close() = classifier.close()
}
